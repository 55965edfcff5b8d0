"""The folders of SQL files: at the top of a checkout, or inside an installed wheel."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
_WHEEL_DATA: Final = _PACKAGE / "_data"
_ROOT: Final = _WHEEL_DATA if _WHEEL_DATA.is_dir() else _PACKAGE.parent

QUERIES: Final = _ROOT / "queries"
MIGRATIONS: Final = _ROOT / "schema" / "migrations"
BOOKS: Final = _ROOT / "schema" / "books"
BACKFILL: Final = _ROOT / "schema" / "backfill"
CATALOGUE: Final = _ROOT / "schema" / "catalogue"
CHECKSUMS: Final = _ROOT / "schema" / "checksums.txt"
EXAMPLES: Final = _ROOT / "examples"
