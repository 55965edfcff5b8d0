"""Runs of migrations beside each other: small migrations, and yoyo's lock."""

from pathlib import Path
from typing import Any

import psycopg

_LOCKS = "select count(*) from authority_yoyo.yoyo_lock"


def is_locked(dba: "psycopg.Connection[Any]") -> bool:
    return dba.execute(_LOCKS).fetchone() == (1,)


def write(folder: Path, name: str, statement: str) -> None:
    text = f"call authority.begin_migration('{name}');\n{statement};\n"
    (folder / f"{name}.sql").write_text(text)
