"""`python -m tests.upgrades VERSION`: marks all migrations as released."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.resources import CHECKSUMS, MIGRATIONS
from authority_queries.service.checksums import changed_files, released_text
from tests.upgrades.releases import RELEASES, keep

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")


def main(
    arguments: Sequence[str] | None = None,
    releases: Path = RELEASES,
    checksums: Path = CHECKSUMS,
) -> int:
    """Keep the queries and rows of this release, and let no migration change again."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrades")
    parser.add_argument("version", help="the version of the release, such as 0.1.0")
    version = parser.parse_args(arguments).version
    folder = releases / version
    if fault := _fault(version, folder, checksums):
        print(fault, file=sys.stderr)
        return 1
    folder.mkdir(parents=True)
    with throwaway_database([MIGRATIONS]) as conninfo:
        keep(folder, conninfo)
    text = checksums.read_text(encoding="utf-8")
    checksums.write_text(released_text(text), encoding="utf-8")
    print(f"{checksums.name} and {folder} are written: commit both")
    return 0


def _fault(version: str, folder: Path, checksums: Path) -> str | None:
    if not _VERSION.fullmatch(version):
        return f"the version must be three numbers such as 0.1.0, not {version!r}"
    if folder.exists():
        return f"{folder} exists: {version} is released"
    if changed := changed_files(checksums=checksums):
        return f"{', '.join(changed)}: run `make checksums` first"
    return None


if __name__ == "__main__":
    sys.exit(main())
