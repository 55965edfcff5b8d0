"""`python -m benchmarks.pages`: copies the results into the pages that quote them.

A quotation stands between `<!-- quoted: FILE SECTION -->` and `<!-- end -->`: a section
of a file in benchmarks/results, counted from 0, or the table `calls` of comparison.txt.
"""

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = (ROOT / "README.md", ROOT / "docs" / "performance.md")
_RESULTS: Final = ROOT / "benchmarks" / "results"
_QUOTED: Final = re.compile(
    r"(<!-- quoted: (\S+) (\w+) -->\n).*?(<!-- end -->)", re.DOTALL
)
_NAMES: Final = {
    "verify": "verify an access token",
    "rotate": "rotate a refresh token",
    "sign in": "read a user with roles and permissions",
}


def with_quotations(page: str) -> str:
    """Return the text of a page with the quotations that it should have."""
    return _QUOTED.sub(
        lambda found: found[1] + _quotation(found[2], found[3]) + found[4], page
    )


def _quotation(file: str, section: str) -> str:
    sections = (_RESULTS / file).read_text(encoding="utf-8").strip().split("\n\n")
    if section == "calls":
        return _calls(sections[1])
    return f"```text\n{sections[int(section)]}\n```\n"


def _calls(section: str) -> str:
    """Return a table of the processor time of each call, for README.md."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in section.splitlines()[3:]]
    rows = [
        f"| {_NAMES[call]} | {ours} | {authlib} | {toolkit} |"
        for call, ours, authlib, _, toolkit, *_ in lines
        if call in _NAMES
    ]
    return "\n".join(
        [
            "| CPU µs, client and server | authority-queries | SQLAlchemy + Authlib "
            "| django-oauth-toolkit |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    """Write the pages."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(with_quotations(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
