"""schema/checksums.txt: the SHA-256 of each migration, as `sha256sum` writes it.

Lines above the mark belong to released migrations and never change.
"""

import hashlib
from pathlib import Path
from typing import Final

from authority_queries.resources import CHECKSUMS, MIGRATIONS

MARK: Final = "# Not released: these migrations may still change."
_FOLDER: Final = "schema/migrations"


def checksum_lines(folder: Path = MIGRATIONS) -> list[str]:
    """Return a line for each file of the folder, in order of migrations."""
    files = sorted(folder.glob("*.sql"), key=lambda file: (file.name[:4], file.name))
    return [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {_FOLDER}/{file.name}"
        for file in files
    ]


def changed_files(
    folder: Path = MIGRATIONS, checksums: Path = CHECKSUMS
) -> dict[str, str]:
    """Return the files that differ from the list: changed, missing or unknown."""
    listed = _files(checksums.read_text(encoding="utf-8").splitlines())
    found = _files(checksum_lines(folder))
    return {
        name: _difference(listed.get(name), found.get(name))
        for name in sorted({*listed, *found})
        if listed.get(name) != found.get(name)
    }


def renewed(text: str, lines: list[str]) -> tuple[str, list[str]]:
    """Return the list with new lines, and the released files that have changed."""
    released, mark, _ = text.partition(f"{MARK}\n")
    fixed = _files(released.splitlines()) if mark else {}
    found = _files(lines)
    broken = [name for name, digest in fixed.items() if found.get(name) != digest]
    fresh = [line for line in lines if line.partition("  ")[2] not in fixed]
    head = released if mark else ""
    return head + "\n".join([MARK, *fresh, ""]), broken


def released_text(text: str) -> str:
    """Return the list with all migrations released: the mark is its last line."""
    return text.replace(f"{MARK}\n", "") + f"{MARK}\n"


def _files(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition("  ") for line in lines if line and line[0] != "#")
    return {name: digest for digest, _, name in pairs}


def _difference(listed: str | None, found: str | None) -> str:
    if found is None:
        return "missing"
    return "changed" if listed else "unknown"
