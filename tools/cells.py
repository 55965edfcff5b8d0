"""The results of `make matrix`: a file with the last one of each cell, and a table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tabulate import tabulate

ROOT: Final = Path(__file__).resolve().parent.parent
KEPT: Final = ROOT / ".matrix"
PAGE: Final = ROOT / "docs" / "matrix.md"
RESULTS: Final = KEPT / "results.json"
_MARKS: Final = ("<!-- make matrix -->\n", "<!-- end -->\n")
_HEADERS: Final = ("PostgreSQL", "Python", "migrate", "demo", "check", "tests")


@dataclass
class Cell:
    """One server with one Python, and what its steps returned."""

    server: str
    python: str
    steps: dict[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def name(self) -> str:
        """A name for files and databases."""
        return f"{self.server}-{self.python}"

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any("failed" in step or "error" in step for step in self.steps.values())


def remember(cells: Sequence[Cell]) -> list[Cell]:
    """Add these results to the file, and return the last one of each cell."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known.update({cell.name: asdict(cell) for cell in cells})
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=2, sort_keys=True))
    return [Cell(**known[name]) for name in sorted(known)]


def table(cells: Sequence[Cell]) -> str:
    """Return the results as a table of Markdown, then what did not run."""
    rows = [
        (cell.server, cell.python, *cell.steps.values())
        for cell in cells
        if not cell.missing
    ]
    lines = [tabulate(rows, headers=_HEADERS, tablefmt="github", disable_numparse=True)]
    reasons: dict[str, list[str]] = {}
    for cell in cells:
        if cell.missing:
            pair = f"{cell.server} with {cell.python}"
            reasons.setdefault(cell.missing, []).append(pair)
    if reasons:
        lines.append("")
    lines += [f"- Not run: {', '.join(reasons[why])}: {why}." for why in reasons]
    return "\n".join(lines)


def write_page(text: str) -> None:
    """Replace the table in docs/matrix.md."""
    page = PAGE.read_text()
    before, _, rest = page.partition(_MARKS[0])
    after = rest.partition(_MARKS[1])[2]
    PAGE.write_text(f"{before}{_MARKS[0]}\n{text}\n\n{_MARKS[1]}{after}")
