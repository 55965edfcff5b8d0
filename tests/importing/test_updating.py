"""`--update` and `--since`: a second import brings what changed in the other store."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg import sql

from authority_queries import Importer, ImportOptions, hash_password
from authority_queries.errors import ConfigurationError
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.writing.summaries import ImportSummary
from tests.importing.memory import (
    EVERY_KIND,
    THEN,
    MemorySource,
    documents,
    every_kind,
)
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

NEW_HASH = hash_password("new horse")
SOON = THEN + timedelta(days=1)


def run(home: Place, source: MemorySource, *, update: bool) -> ImportSummary:
    with Importer.open(home.settings("owner")) as importer:
        return importer.run(source, ImportOptions(update=update))


def one(home: Place, query: str) -> Any:
    row = home.dba.execute(query.encode()).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def changed(**changes: dict[str, object]) -> MemorySource:
    """The entries of these kinds with other values."""
    groups: list[list[AnyEntry]] = [
        [entry.model_copy(update=changes[entry.kind])]
        for entry in EVERY_KIND
        if entry.kind in changes
    ]
    return MemorySource({"all": documents(*groups)})


@pytest.fixture(autouse=True)
def imported(home: Place) -> None:
    """The first import, into a database without the tenant."""
    home.dba.execute("set session_replication_role = replica")
    for (name,) in home.dba.execute(
        "select name from authority.list_moved_tables()"
    ).fetchall():
        home.dba.execute(
            sql.SQL("delete from {}").format(sql.Identifier("authority", name))
        )
    home.dba.execute("set session_replication_role = origin")
    assert run(home, every_kind(), update=False).refusals == 0


def test_nothing_that_is_the_same_is_updated(home: Place) -> None:
    again = run(home, every_kind(), update=True)
    assert again.refusals == 0, again.collections[0].refused
    # Also not the system's own admin, which has another description there.
    assert again.updated.total() == 0


def test_a_change_there_is_brought_here(home: Place) -> None:
    change: dict[str, object] = {
        "password_hash": NEW_HASH,
        "display_name": "Ann Other",
        "status": "suspended",
        "updated_at": SOON,
    }
    without = run(home, changed(user=change), update=False)
    assert (without.existing["user"], without.updated.total()) == (1, 0)
    assert one(home, "select display_name from authority.users") == ""
    events = one(home, "select count(*) from authority.audit_events")
    updated = run(home, changed(user=change), update=True)
    assert updated.updated == {"user": 1}
    assert one(
        home,
        "select display_name, password_hash, status, updated_at, row_version "
        "from authority.users",
    ) == ("Ann Other", NEW_HASH, "suspended", SOON, 2)
    # One event for the import, one for the row.
    assert one(home, "select count(*) from authority.audit_events") == events + 2


def test_a_row_that_changed_here_later_is_kept_and_named(home: Place) -> None:
    home.dba.execute(
        "update authority.users set display_name = 'Here', updated_at = now()"
    )
    summary = run(
        home,
        changed(user={"display_name": "There", "updated_at": SOON}),
        update=True,
    )
    assert summary.updated.total() == 0
    (refusal,) = summary.collections[0].refused
    assert refusal.reason == "user was changed here later than in the source"
    assert one(home, "select display_name from authority.users") == "Here"


def test_what_has_ended_here_is_not_revived(home: Place) -> None:
    home.dba.execute(
        "update authority.tokens set revoked_at = now(), revocation_reason = 'here'"
    )
    home.dba.execute(
        "update authority.sessions set revoked_at = now(), revocation_reason = 'here'"
    )
    home.dba.execute("update authority.webauthn_credentials set sign_count = 9")
    home.dba.execute("update authority.totp_credentials set last_used_step = 9")
    source = changed(
        token={"properties": {"new": 1}},
        session={"last_used_at": SOON},
        webauthn_credential={"name": "key", "sign_count": 5},
        totp_credential={"name": "phone", "last_used_step": 5},
    )
    summary = run(home, source, update=True)
    assert summary.refusals == 0
    assert summary.updated == {
        "token": 3,
        "session": 1,
        "webauthn_credential": 1,
        "totp_credential": 1,
    }
    alive = "select count(*) from authority.{} where revoked_at is null"
    assert one(home, alive.format("tokens")) == 0
    assert one(home, alive.format("sessions")) == 0
    assert one(home, "select name, sign_count from authority.webauthn_credentials") == (
        "key",
        9,
    )
    assert one(home, "select name, last_used_step from authority.totp_credentials") == (
        "phone",
        9,
    )


def test_what_has_ended_there_ends_here(home: Place) -> None:
    end: dict[str, object] = {"revoked_at": SOON, "revocation_reason": "there"}
    source = changed(token=end, authorization=end | {"updated_at": SOON}, session=end)
    summary = run(home, source, update=True)
    assert summary.refusals == 0, summary.collections[0].refused
    assert summary.updated == {"token": 3, "authorization": 1, "session": 1}
    assert (
        one(
            home,
            "select count(*) from authority.tokens where revocation_reason = 'there'",
        )
        == 3
    )


def test_a_used_recovery_code_does_not_come_back(home: Place) -> None:
    used: dict[str, object] = {"code_hashes": (bytes(32),), "last_used_at": SOON}
    assert run(home, changed(recovery_codes=used), update=True).updated.total() == 1
    assert one(home, "select code_hashes from authority.recovery_codes") == [bytes(32)]
    first = run(home, every_kind(), update=True)
    assert [refusal.reason for refusal in first.collections[0].refused] == [
        "recovery codes was changed here later than in the source"
    ]
    assert one(home, "select code_hashes from authority.recovery_codes") == [bytes(32)]


def test_logs_are_not_rewritten(home: Place) -> None:
    source = changed(
        login_attempt={"reason": "other"},
        revocation={"reason": "other"},
        license_usage={"quantity": 7},
    )
    summary = run(home, source, update=True)
    assert (summary.refusals, summary.updated.total()) == (0, 0)
    assert one(home, "select quantity from authority.license_usage") == 40


def test_a_journal_goes_on_in_the_same_way_only(home: Place, tmp_path: Any) -> None:
    journal = tmp_path / "journal"
    options = ImportOptions(update=True, journal=journal, batch_size=1)
    with Importer.open(home.settings("owner")) as importer:
        importer.run(every_kind(), options, stop=lambda: True)
        with pytest.raises(ConfigurationError, match="with --update"):
            importer.run(every_kind(), ImportOptions(journal=journal, resume=True))
