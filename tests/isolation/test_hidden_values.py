"""The text of an error contains no row or parameter that PostgreSQL reports."""

import asyncio
import traceback
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from authority_queries import AsyncAuthority, Store, migrate
from authority_queries.cli import main
from authority_queries.engine.runtime import QueryFile
from authority_queries.errors import (
    DuplicateError,
    InvalidValueError,
    MigrationError,
)
from authority_queries.queries import FOLDER
from authority_queries.service.migrations import yoyo_url
from tests.factories import (
    PHC,
    make_client,
    make_client_secret,
    make_license,
    make_tenant,
    make_token,
    make_user,
)
from tests.isolation.canary import Canary
from tests.isolation.secret_failures import TRAPS, set_trap
from tests.isolation.secret_operations import random_text
from tests.isolation.services import SyncService, running, settings_for
from tests.isolation.witness import Witness, set_for_database
from tests.stores import Logins, routed_store


@pytest.fixture
def tenant_id(logins: Logins) -> UUID:
    with routed_store(logins) as store:
        return make_tenant(store).id


def printed(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error.__cause__)


def refuse_suspended_users(dba: "psycopg.Connection[Any]") -> None:
    """Let the server refuse a status, as before the migration that allows it.

    A value that no version allows is refused before it is sent.
    """
    dba.execute("""
        alter table authority.users
        drop constraint users_status_check,
        add constraint users_status_check check (status in ('pending', 'active'))
    """)


@pytest.mark.superuser("a role that bypasses row security is shown the failing row")
def test_an_error_has_the_failing_row_in_diag_and_not_in_its_text(
    dba: "psycopg.Connection[Any]", tenant_id: UUID
) -> None:
    note = random_text()
    refuse_suspended_users(dba)
    with pytest.raises(InvalidValueError) as caught:
        make_user(Store(dba), tenant_id, display_name=note, status="suspended")
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.errors.CheckViolation)
    assert note in (cause.diag.message_detail or "")
    assert note not in printed(caught.value)
    assert str(cause) == (
        'new row for relation "users" violates check constraint "users_status_check" '
        "(SQLSTATE 23514)"
    )


def test_a_role_under_row_security_does_not_get_the_failing_row(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    fields = {"display_name": random_text(), "status": "suspended"}
    refuse_suspended_users(dba)
    with pytest.raises(InvalidValueError) as caught:
        make_user(store, make_tenant(store).id, **fields)
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.errors.CheckViolation)
    assert cause.diag.message_detail is None


def test_an_error_has_the_parameters_in_diag_and_not_in_its_text(
    dba: "psycopg.Connection[Any]", logins: Logins
) -> None:
    set_for_database(dba, "log_parameter_max_length_on_error", "-1")
    note = random_text()
    with routed_store(logins) as store:
        tenant = make_tenant(store)
        make_user(store, tenant.id, username="ann")
        with pytest.raises(DuplicateError) as caught:
            make_user(store, tenant.id, username="ann", display_name=note)
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.Error)
    assert note in (cause.diag.context or "")
    assert note not in printed(caught.value)


def unchecked_get(logins: Logins, tenant_id: UUID, user_id: str) -> object:
    """Get a user by a query file that does not know its queries' parameters."""
    get = QueryFile(FOLDER / "users.sql").row("get_by_id", lambda *row: row)
    with psycopg.connect(logins.app_for(tenant_id)) as connection:
        return get(connection, tenant_id=tenant_id, user_id=user_id)


def test_an_unreadable_value_is_not_in_the_text_of_the_error(
    logins: Logins, tenant_id: UUID
) -> None:
    note = random_text()
    with pytest.raises(InvalidValueError) as caught:
        unchecked_get(logins, tenant_id, note)
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.errors.InvalidTextRepresentation)
    assert note in (cause.diag.message_primary or "")
    assert note not in printed(caught.value)
    assert "(SQLSTATE 22P02)" in str(cause)


def test_an_error_that_passes_through_contains_no_row(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    tenant, note = make_tenant(store), random_text()
    set_trap(dba, TRAPS["raised"][1])
    with pytest.raises(psycopg.errors.RaiseException) as caught:
        make_user(store, tenant.id, display_name=note)
    assert note in (caught.value.diag.message_primary or "")
    assert note not in printed(caught.value)


@pytest.mark.parametrize("form", ["sync", "async"])
def test_the_error_of_a_failing_commit_contains_no_row(
    form: str, logins: Logins, dba: "psycopg.Connection[Any]", tenant_id: UUID
) -> None:
    note = random_text()
    set_trap(dba, TRAPS["raised"][1])
    dba.execute(
        "drop trigger trap on authority.users; create constraint trigger late "
        "after insert on authority.users deferrable initially deferred "
        "for each row execute function public.trap()"
    )

    def work(service: SyncService) -> None:
        with (
            service.open(settings_for(logins.app)) as authority,
            authority.tenant(tenant_id) as store,
        ):
            store.users.create(tenant_id=tenant_id, username=note)

    for service in running(form):
        with pytest.raises(psycopg.errors.RaiseException) as caught:
            work(service)
        assert note in (caught.value.diag.message_primary or "")
        assert note not in printed(caught.value)


def test_the_error_of_an_unencodable_text_does_not_contain_the_text(
    logins: Logins, tenant_id: UUID
) -> None:
    note = random_text()
    with pytest.raises(InvalidValueError) as caught:
        unchecked_get(logins, tenant_id, f"{note}\ud800")
    cause = caught.value.__cause__
    assert isinstance(cause, UnicodeEncodeError)
    assert note not in printed(caught.value) + cause.object
    assert "surrogates not allowed" in str(cause)


def test_a_call_that_is_canceled_leaves_no_trace(
    logins: Logins, dba: "psycopg.Connection[Any]", tenant_id: UUID
) -> None:
    set_trap(dba, TRAPS["timed out"][1])
    note, witness = random_text(), Witness(dba)

    async def play() -> None:
        async with (
            AsyncAuthority.open(settings_for(logins.app)) as authority,
            authority.tenant(tenant_id) as store,
        ):
            await store.users.create(
                tenant_id=tenant_id, username=note, password_hash=PHC
            )

    async def canceled() -> None:
        task = asyncio.create_task(play())
        asleep = "select from pg_stat_activity where wait_event = 'PgSleep'"
        while not dba.execute(asleep).fetchall():  # noqa: ASYNC110 -- because PostgreSQL has no event of it
            await asyncio.sleep(0)
        task.cancel()
        await task

    with witness.watching(), pytest.raises(asyncio.CancelledError) as caught:
        asyncio.run(canceled())
    witness.note_error(caught.value)
    assert witness.texts["log"]
    assert witness.leaks([Canary.of("note", note)]) == set()


def test_the_error_of_a_failing_migration_contains_no_row(
    dba: "psycopg.Connection[Any]", conninfo: str, tmp_path: Path
) -> None:
    note, witness = random_text(), Witness(dba)
    dba.execute("create table public.notes as values (%s), (%s)", [note, note])
    for number, statement in enumerate(
        [
            "create unique index on public.notes (column1)",
            "alter table public.notes alter column1 type uuid using column1::uuid",
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"{number}_fail.sql").write_text(statement)
        with witness.watching(), pytest.raises(MigrationError) as caught:
            migrate(conninfo, folders=[folder])
        assert "(SQLSTATE 2" in str(caught.value)
        witness.note_error(caught.value)
    assert witness.leaks([Canary.of("note", note)]) == set()


def test_the_command_prints_no_row(
    dba: "psycopg.Connection[Any]",
    conninfo: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(conninfo))
    set_trap(dba, TRAPS["raised"][1])
    assert main(["demo"]) == 1
    said = capsys.readouterr().err
    assert "PostgreSQL: hidden" in said
    assert "(RaiseException)" in said


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("users", "password_hash", "swordfish"),
        ("client_secrets", "secret_hash", "swordfish"),
        ("tokens", "token_hash", bytes(31)),
        ("tokens", "token_hash", bytes(34)),
        ("tokens", "token_hash", b"1" * 33),
        ("tokens", "code_challenge", "c" * 44),
        ("tokens", "code_challenge", "=" * 43),
        ("licenses", "key_hash", bytes(31)),
        ("licenses", "key_hash", bytes(33)),
    ],
)
def test_the_schema_refuses_a_value_that_is_not_a_hash(
    logins: Logins,
    dba: "psycopg.Connection[Any]",
    table: str,
    column: str,
    value: object,
) -> None:
    """For a query's function that is called without its repository."""
    with routed_store(logins) as store:
        client = make_client(store, make_tenant(store).id)
        make_client_secret(store, client)
        make_user(store, client.tenant_id)
        make_license(store, client.tenant_id)
        make_token(store, client, "authorization_code")
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        dba.execute(
            SQL("update {} set {} = %s").format(
                Identifier("authority", table), Identifier(column)
            ),
            [value],
        )
    assert caught.value.diag.constraint_name == f"{table}_{column}_check"
