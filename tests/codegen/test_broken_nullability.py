"""The committed modules are stale for a schema with other NOT NULLs."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.generate import generate
from authority_queries.codegen.output import concerned_queries, stale
from authority_queries.codegen.settings import GenerationSettings, read
from tests.codegen.projects import ROOT

SETTINGS: Final = read(ROOT / "pyproject.toml")


@pytest.mark.linted
def test_the_committed_modules_are_fresh_on_every_version_of_the_server(
    conninfo: str,
) -> None:
    assert stale(generate(SETTINGS, conninfo)) == ""


def without_not_null(folder: Path, migration: str, column: str) -> GenerationSettings:
    """Return the settings with a copy of the schema in which a column is nullable."""
    copy = folder / "migrations"
    (migrations,) = SETTINGS.migrations
    shutil.copytree(migrations, copy)
    path = copy / f"{migration}.sql"
    text = path.read_text()
    assert text.count(f"    {column} not null") == 1
    path.write_text(text.replace(f"    {column} not null", f"    {column}"))
    return replace(SETTINGS, migrations=(copy,))


def changes(difference: str) -> dict[str, Counter[str]]:
    """Count the removed (-) and added (+) lines, by the file's name."""
    found = {}
    for part in re.split(r"^(?=--- )", difference, flags=re.M)[1:]:
        head, *lines = part.splitlines()
        name = Path(head.removeprefix("--- ").removesuffix(" (as it is)")).name
        found[name] = Counter(
            f"{line[0]}{line[1:].strip()}" for line in lines[1:] if line[0] in "-+"
        )
    return found


@pytest.mark.one_version
def test_a_nullable_username_changes_the_modules_of_the_queries_that_return_it(
    tmp_path: Path, conninfo: str
) -> None:
    column = 'username text collate "C"'
    settings = without_not_null(tmp_path, "0008_create_users", column)
    files = generate(settings, conninfo)
    assert changes(stale(files)) == {
        # create and update, each in both forms, and what both take
        "users.py": {
            "-username: str,": 4,
            "+username: str | None,": 4,
            "-username=checks.text(0, 256),": 2,
            "+username=checks.optional(checks.text(0, 256)),": 2,
        },
        # A live session has its user's name.
        "sessions.py": {'-"username",': 2},
        "records.py": {"-username: str": 3, "+username: str | None": 3},
    }
    assert concerned_queries(files) == [
        "sessions.list_live_by_ids",
        "sessions.verify",
        "user_identities.find",
        "user_identities.sign_in",
        "users.create",
        "users.get_by_id",
        "users.get_by_subject_id",
        "users.get_by_username",
        "users.get_by_verified_email",
        "users.list_after",
        "users.list_before",
        "users.list_by_ids",
        "users.list_by_status_after",
        "users.list_by_status_before",
        "users.revoke_tokens",
        "users.set_password_hash",
        "users.update",
        "users.verify_email",
    ]


@pytest.mark.one_version
def test_a_query_that_excludes_null_refuses_a_nullable_column(
    tmp_path: Path, conninfo: str
) -> None:
    settings = without_not_null(
        tmp_path, "0010_create_clients", 'client_id text collate "C"'
    )
    # The query looks clients up by it, so it is not null there: the records differ.
    with pytest.raises(
        GenerationError,
        match=r"clients\.sql:\d+:1: @row Client differs from the one in "
        r"\S*clients\.sql:1 get_by_id: column client_id can be null only there",
    ):
        generate(settings, conninfo)
