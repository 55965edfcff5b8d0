"""Imports that are stopped or killed, and go on: nothing is lost, nothing is double."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, LiteralString

import pytest
from psycopg.sql import SQL, Identifier

from authority_queries import (
    Importer,
    ImportOptions,
    ImportProgress,
    ImportSummary,
)
from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    AuthorizationEntry,
    UserIdentityEntry,
)
from tests.importing.memory import (
    LATER,
    THEN,
    MemorySource,
    client,
    documents,
    tenant,
    token,
    user,
)
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version
KILLS = 20
USERS = 400
BATCH = 4
COMPARED: Final[dict[str, LiteralString]] = {
    "users": "subject_id, username_key, created_at, updated_at",
    "user_identities": "issuer, subject, profile",
    "authorizations": "created_at, tokens_expire_at",
    "tokens": "type, created_at, expires_at, authenticated_at",
    "clients": "client_id, created_at",
}


def source(code: str) -> MemorySource:
    """Users with identities, families and tokens. Some documents are refused."""
    families = [
        AuthorizationEntry(
            id=derive_id(code, "authorization", str(number)),
            client="web",
            user=f"u{number}",
            created_at=THEN,
        )
        for number in range(USERS)
    ]
    users: Iterator[Sequence[AnyEntry]] = (
        [
            user(f"u{number}", email="none" if number % 50 == 7 else None),
            UserIdentityEntry(
                issuer="https://idp",
                subject=str(number),
                user=f"u{number}",
                created_at=THEN,
            ),
        ]
        for number in range(USERS)
    )
    grants: Iterator[Sequence[AnyEntry]] = (
        [
            family,
            token(
                f"{code} {family.id}",
                type="refresh",
                user=family.user,
                authorization=family.id,
                expires_at=LATER,
            ),
        ]
        for family in families
    )
    return MemorySource(
        {
            "tenants": documents([tenant(code), client(created_at=THEN)], tenant=code),
            "users": documents(*users, tenant=code, name="user"),
            "grants": documents(*grants, tenant=code, name="grant"),
        },
        name=f"memory:{code}",
    )


def run(home: Place, code: str, **options: Any) -> ImportSummary:
    with Importer.open(home.settings("owner")) as importer:
        return importer.run(source(code), ImportOptions(**options))


def content(home: Place, code: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a tenant, without what differs between tenants and runs."""
    query = SQL("select {} from authority.{} where tenant_id = %s order by 1, 2")
    tenant_id = derive_id(code, "tenant", code)
    return {
        table: home.dba.execute(
            query.format(SQL(columns), Identifier(table)), (tenant_id,)
        ).fetchall()
        for table, columns in COMPARED.items()
    }


@contextmanager
def child(home: Place, code: str, journal: Path) -> Iterator[int]:
    """An importing process, which goes on after the journal's last batch."""
    process = os.fork()
    if process == 0:
        try:
            run(
                home,
                code,
                journal=journal,
                resume=journal.exists(),
                batch_size=BATCH,
            )
        finally:
            os._exit(0)
    try:
        yield process
    finally:
        os.waitpid(process, 0)


def grown(journal: Path, size: int) -> int:
    """Wait until the journal is longer than this. Return its size."""
    end = time.monotonic() + 60
    while (found := journal.stat().st_size if journal.exists() else 0) <= size:
        assert time.monotonic() < end
        time.sleep(0.001)
    return found


def test_an_import_that_is_killed_at_any_moment_goes_on(
    home: Place, tmp_path: Path
) -> None:
    """Twenty times, each after a random part of the work."""
    began = time.monotonic()
    undisturbed = run(home, "calm", batch_size=BATCH)
    whole = time.monotonic() - began
    rng = random.Random(17)  # noqa: S311 -- no secret
    journal = tmp_path / "journal"
    size = 0
    for _ in range(KILLS):
        with child(home, "storm", journal) as process:
            size = grown(journal, size)
            time.sleep(rng.uniform(0, whole / KILLS))
            os.kill(process, signal.SIGKILL)
        size = journal.stat().st_size
    assert b'"line":"finished"' not in journal.read_bytes()
    summary = run(home, "storm", journal=journal, resume=True)
    assert len(summary.resumed) == KILLS
    assert content(home, "storm") == content(home, "calm")
    for after, before in zip(summary.collections, undisturbed.collections, strict=True):
        assert (after.read, after.refused) == (before.read, before.refused)
        assert after.is_done
        assert after.created + after.existing == before.created
    # A killed process has committed one batch at most that its journal lacks.
    assert summary.existing.total() <= KILLS * 2 * BATCH


def test_an_import_that_was_asked_to_stop_goes_on(home: Place, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    answers = iter([False] * 3)
    held = source("halt")
    with Importer.open(home.settings("owner")) as importer:
        options = ImportOptions(journal=journal, batch_size=100)
        first = importer.run(held, options, stop=lambda: next(answers, True))
        assert not first.is_complete
        assert [one.read for one in first.collections] == [1, 200]
        with pytest.raises(ConfigurationError, match="of an unfinished import"):
            importer.run(held, options)
        options = replace(options, resume=True)
        second = importer.run(held, options)
    assert second.is_complete
    assert held.reads == [None, None, 200, None]
    assert [one.read for one in second.collections] == [1, USERS, USERS]
    assert second.existing == Counter()


def test_a_journal_belongs_to_one_import(home: Place, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    summary = run(home, "lion", journal=journal)
    assert journal.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="of a finished import"):
        run(home, "lion", journal=journal, resume=True)
    # It may be begun again.
    again = run(home, "lion", journal=journal)
    assert again.header.run != summary.header.run
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:9])
    with pytest.raises(ConfigurationError, match="with another source"):
        run(home, "other", journal=journal, resume=True)
    assert run(home, "lion", journal=journal, resume=True).is_complete
    journal.write_text("{}\n")
    with pytest.raises(ConfigurationError, match="is not the journal of an import"):
        run(home, "lion", journal=journal)
    # An import was killed before it began.
    journal.write_bytes(lines[0][:9])
    assert run(home, "lion", journal=journal, resume=True).is_complete


def test_an_import_goes_on_with_the_options_of_its_journal(
    home: Place, tmp_path: Path
) -> None:
    journal, mapping = tmp_path / "journal", tmp_path / "mapping.toml"
    mapping.write_text("version = 1\n")
    given: dict[str, Any] = {"journal": journal, "since": THEN, "mapping": mapping}
    given["tenant"] = "wolf"
    run(home, "wolf", **given)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    given["resume"] = True
    for name, other in (("tenant", "fox"), ("since", LATER), ("mapping", None)):
        with pytest.raises(ConfigurationError, match=f"with another (--)?{name}"):
            run(home, "wolf", **{**given, name: other})
    mapping.write_text("version = 2\n")
    with pytest.raises(ConfigurationError, match="the mapping file was changed"):
        run(home, "wolf", **given)
    mapping.write_text("version = 1\n")
    assert run(home, "wolf", **given).is_complete


def test_a_journal_has_one_writer(home: Place, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    seen = []

    def other(_: ImportProgress) -> None:
        with pytest.raises(ConfigurationError, match="another import is writing"):
            run(home, "hare", journal=journal, resume=True)
        seen.append(True)

    with Importer.open(home.settings("owner")) as importer:
        importer.run(source("hare"), ImportOptions(journal=journal), progress=other)
    assert seen


def test_options_that_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="batch_size must be 1 or more"):
        ImportOptions(batch_size=0)
    with pytest.raises(ConfigurationError, match="resume needs the journal"):
        ImportOptions(resume=True)
    with pytest.raises(ConfigurationError, match="resume needs the journal"):
        ImportOptions(resume=True, dry_run=True, journal=tmp_path / "journal")
