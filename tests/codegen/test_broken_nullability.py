"""The committed modules against a schema that says something else of nulls."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from authority_queries.codegen.generate import generate, read, stale
from authority_queries.codegen.settings import GenerationSettings
from tests.codegen.projects import ROOT

SETTINGS: Final = read(ROOT / "pyproject.toml")


def test_the_committed_modules_are_fresh_whatever_the_server_s_version(
    conninfo: str,
) -> None:
    assert stale(generate(SETTINGS, conninfo)) == ""


def broken(folder: Path, migration: str, old: str, new: str) -> GenerationSettings:
    """The repository's settings with a copy of its schema that says something else."""
    copy = folder / "migrations"
    (migrations,) = SETTINGS.migrations
    shutil.copytree(migrations, copy)
    (path,) = copy.glob(f"*_{migration}.sql")
    text = path.read_text()
    assert text.count(old) == 1, text.count(old)
    path.write_text(text.replace(old, new))
    return replace(SETTINGS, migrations=(copy,))


def changes(difference: str) -> dict[str, list[str]]:
    """The lines that were added, by the file's name."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^(?=--- /)", difference, flags=re.M)[1:]:
        name = part.partition(" (as it is)")[0].rpartition("/")[2]
        added = [line[1:].strip() for line in part.splitlines() if line[:1] == "+"]
        found[name] = added[1:]
    return found


def test_a_username_that_may_be_null_is_seen_in_what_is_read_and_what_is_written(
    tmp_path: Path, conninfo: str
) -> None:
    settings = broken(
        tmp_path, "create_users", "username text not null,", "username text,"
    )
    found = changes(stale(generate(settings, conninfo)))
    print(found)


def test_an_expiry_that_may_be_null_is_seen_in_every_record_that_has_it(
    tmp_path: Path, conninfo: str
) -> None:
    settings = broken(
        tmp_path,
        "create_tokens",
        "expires_at timestamptz not null,\n    redeemed",
        "expires_at timestamptz,\n    redeemed",
    )
    found = changes(stale(generate(settings, conninfo)))
    print(found)
