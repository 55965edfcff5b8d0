"""Errors of `Authority.open`, which are raised at once, and uses after its block."""

import asyncio
import io
import os
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries import (
    AsyncAuthority,
    AsyncExporter,
    AsyncMaintenance,
    Authority,
    AuthorityError,
    Exporter,
    Maintenance,
    Settings,
    mint_token,
)
from authority_queries.cli import main
from authority_queries.errors import (
    ClosedError,
    ConfigurationError,
    SchemaVersionError,
    UnavailableError,
)
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.conftest import Server
from tests.isolation.services import SyncService, running
from tests.isolation.trips import counted_trips
from tests.stores import Logins

OLD, NEW = "0001_create_schema", "9999_change_all"


def settings_for(conninfo: str, **changes: Any) -> Settings:
    return Settings(database_url=yoyo_url(conninfo), **changes)


@dataclass(frozen=True)
class Entry:
    """One kind of service or operator, in both forms, and its login."""

    plain: type[Authority] | type[Maintenance] | type[Exporter]
    concurrent: type[AsyncAuthority] | type[AsyncMaintenance] | type[AsyncExporter]
    login: str


ENTRIES = [
    Entry(Authority, AsyncAuthority, "app"),
    Entry(Maintenance, AsyncMaintenance, "maintenance"),
    Entry(Exporter, AsyncExporter, "reader"),
]


def told(
    settings: Settings, kind: type[AuthorityError], entry: Entry = ENTRIES[0]
) -> str:
    """Return the message that both forms raise at once when they are opened."""
    begun = monotonic()
    with pytest.raises(kind) as caught, entry.plain.open(settings):
        pass

    async def play() -> None:
        async with entry.concurrent.open(settings):
            pass

    with pytest.raises(kind) as caught_async:
        asyncio.run(play())
    assert monotonic() - begun < settings.connect_timeout / 2
    assert str(caught.value) == str(caught_async.value)
    return str(caught.value)


def opens(settings: Settings, entry: Entry) -> None:
    """Open both forms."""
    with entry.plain.open(settings):
        pass

    async def play() -> None:
        async with entry.concurrent.open(settings):
            pass

    asyncio.run(play())


def replace(dba: "psycopg.Connection[Any]", function: str, version: str) -> None:
    dba.execute(
        sql.SQL(
            "create or replace function authority.{}() returns text language sql "
            "immutable parallel safe return {}::text"
        ).format(sql.Identifier(function), sql.Literal(version))
    )


def test_the_database_names_its_last_migration(dba: "psycopg.Connection[Any]") -> None:
    found = dba.execute(
        "select authority.schema_version(), authority.oldest_package()"
    ).fetchone()
    assert found is not None
    assert found[0] == packaged_migrations()[-1]
    assert found[1] in packaged_migrations()


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.plain.__name__)
def entry(request: pytest.FixtureRequest) -> Entry:
    """Each kind of service or operator."""
    found: Entry = request.param
    return found


def test_a_wrong_schema_version_is_named_with_the_command_to_fix_it(
    entry: Entry, logins: Logins, dba: "psycopg.Connection[Any]"
) -> None:
    settings = settings_for(getattr(logins, entry.login))
    replace(dba, "schema_version", OLD)
    message = told(settings, SchemaVersionError, entry)
    assert f"is at migration {OLD}" in message
    assert f"needs {packaged_migrations()[-1]}: run `authority migrate`" in message

    replace(dba, "schema_version", NEW)
    opens(settings, entry)  # The newer schema still allows this package.
    replace(dba, "oldest_package", NEW)
    message = told(settings, SchemaVersionError, entry)
    assert f"from {NEW} on" in message
    assert "`pip install --upgrade authority-queries`" in message


def test_a_database_that_has_no_version_is_told_as_what_it_is(
    entry: Entry,
    logins: Logins,
    dba: "psycopg.Connection[Any]",
    blank_conninfo: str,
) -> None:
    login = getattr(logins, entry.login)
    blank = conninfo_to_dict(blank_conninfo)["dbname"]
    without = settings_for(make_conninfo(login, dbname=blank))
    assert "no schema authority: run `authority migrate`" in told(
        without, SchemaVersionError, entry
    )
    with psycopg.connect(blank_conninfo, autocommit=True) as other:
        other.execute("create schema authority")
        message = told(without, SchemaVersionError, entry)
        assert "another program made: run `authority check" in message

    settings = settings_for(login)
    dba.execute(
        "revoke execute on all functions in schema authority "
        "from authority_app, authority_maintenance, authority_reader"
    )
    assert "`authority check --fix-hint`" in told(settings, SchemaVersionError, entry)
    dba.execute("drop function authority.schema_version()")
    message = told(settings, SchemaVersionError, entry)
    assert "its migrations did not end" in message
    assert "run `authority migrate`" in message


def test_every_new_connection_checks_the_version(
    logins: Logins, dba: "psycopg.Connection[Any]"
) -> None:
    # `open` makes no connection, so the first call raises.
    late = settings_for(logins.app, pool_min_size=0)
    with Authority.open(late) as authority:
        replace(dba, "oldest_package", NEW)
        with pytest.raises(SchemaVersionError):
            authority.find_tenant("nobody")
    replace(dba, "oldest_package", OLD)
    with Authority.open(settings_for(logins.app)) as authority:
        replace(dba, "oldest_package", NEW)
        assert authority.find_tenant("nobody") is None  # on the older connection
        with authority._lend(), pytest.raises(SchemaVersionError):
            authority.find_tenant("nobody")


@pytest.mark.parametrize(
    ("command", "login"),
    [
        (["prune", "--quiet"], "maintenance"),
        (["erase", "tenant", "acme"], "maintenance"),
        (["audit", "seal"], "maintenance"),
        (["export", "tenant", "acme"], "reader"),
    ],
    ids=["prune", "erase", "seal", "export"],
)
def test_a_command_checks_the_version(
    command: list[str],
    login: str,
    logins: Logins,
    dba: "psycopg.Connection[Any]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = yoyo_url(getattr(logins, login))
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", url)
    replace(dba, "schema_version", OLD)
    said = io.StringIO()
    with redirect_stderr(said):
        assert main(command) == 1
    assert "run `authority migrate`" in said.getvalue()


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


def test_opening_a_connection_is_one_trip(service: SyncService, logins: Logins) -> None:
    with counted_trips(logins.app) as trips:
        settings = settings_for(trips.conninfo)
        with service.open(settings) as authority:
            checked = trips.count
            authority.find_tenant("nobody")
        # libpq connects again without the check: what it needs for itself.
        trips.forget()
        with psycopg.connect(trips.conninfo):
            alone = trips.count
    assert checked == alone + 1


@pytest.fixture
def ascii_conninfo(server: Server, logins: Logins) -> Iterator[str]:
    name = f"authority_ascii_{os.getpid()}"
    with psycopg.connect(server.conninfo, autocommit=True) as dba:
        dba.execute(
            f"create database {name} template template0 encoding 'SQL_ASCII' "
            "lc_collate 'C' lc_ctype 'C'".encode()
        )
        yield make_conninfo(logins.app, dbname=name)
        dba.execute(f"drop database {name} (force)".encode())


def test_a_lasting_failure_is_raised_at_once(
    logins: Logins, ascii_conninfo: str
) -> None:
    message = told(settings_for(ascii_conninfo), ConfigurationError)
    assert "encoding must be UTF8, not SQL_ASCII" in message
    absent = make_conninfo(logins.app, dbname="authority_absent")
    assert '"authority_absent" does not exist' in told(
        settings_for(absent), UnavailableError
    )
    login = conninfo_to_dict(logins.maintenance)["user"]
    message = told(settings_for(logins.maintenance), UnavailableError)
    assert f"`grant authority_app to {login}`" in message


def test_a_use_after_the_block_raises_closed_error(logins: Logins) -> None:
    with Authority.open(settings_for(logins.app)) as authority:
        token = mint_token("access", uuid4()).token
    with Maintenance.open(settings_for(logins.maintenance)) as maintenance:
        pass
    for use in (
        lambda: authority.find_tenant("acme"),
        lambda: authority.verify_token(token),
        lambda: authority.tenant(uuid4()).__enter__(),
        lambda: next(authority.follow_revocations(uuid4())),
        lambda: maintenance.store().__enter__(),
        maintenance.prune,
    ):
        with pytest.raises(ClosedError, match="open"):
            use()

    async def play() -> None:
        async with AsyncAuthority.open(settings_for(logins.app)) as authority:
            pass
        with pytest.raises(ClosedError):
            await authority.find_tenant("acme")

    asyncio.run(play())
