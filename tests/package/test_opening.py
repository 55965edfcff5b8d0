"""Errors of `Authority.open`, which are raised at once, and uses after its block."""

import asyncio
import os
from collections.abc import Iterator
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries import (
    AsyncAuthority,
    Authority,
    AuthorityError,
    Maintenance,
    Settings,
    mint_token,
)
from authority_queries.errors import (
    ClosedError,
    ConfigurationError,
    SchemaVersionError,
    UnavailableError,
)
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.conftest import Server
from tests.stores import Logins

OLD, NEW = "0001_create_schema", "9999_change_all"


def settings_for(conninfo: str, **changes: Any) -> Settings:
    return Settings(database_url=yoyo_url(conninfo), **changes)


def told(settings: Settings, kind: type[AuthorityError]) -> str:
    """Return the message that both forms raise at once when they are opened."""
    begun = monotonic()
    with pytest.raises(kind) as caught, Authority.open(settings):
        pass

    async def play() -> None:
        async with AsyncAuthority.open(settings):
            pass

    with pytest.raises(kind) as caught_async:
        asyncio.run(play())
    assert monotonic() - begun < settings.connect_timeout / 2
    assert str(caught.value) == str(caught_async.value)
    return str(caught.value)


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


def test_a_wrong_schema_version_is_named_with_the_command_to_fix_it(
    logins: Logins, dba: "psycopg.Connection[Any]", blank_conninfo: str
) -> None:
    settings = settings_for(logins.app)
    blank = conninfo_to_dict(blank_conninfo)["dbname"]
    without = settings_for(make_conninfo(logins.app, dbname=blank))
    assert "`authority migrate`" in told(without, SchemaVersionError)

    replace(dba, "schema_version", OLD)
    message = told(settings, SchemaVersionError)
    assert f"is at migration {OLD}" in message
    assert f"needs {packaged_migrations()[-1]}: run `authority migrate`" in message

    replace(dba, "schema_version", NEW)
    with Authority.open(settings) as authority:  # it still allows this package
        assert authority.find_tenant("nobody") is None
    replace(dba, "oldest_package", NEW)
    message = told(settings, SchemaVersionError)
    assert f"from {NEW} on" in message
    assert "`pip install --upgrade authority-queries`" in message

    # `open` makes no connection, so the first call raises.
    late = settings_for(logins.app, pool_min_size=0)
    with (
        Authority.open(late) as authority,
        pytest.raises(SchemaVersionError),
    ):
        authority.find_tenant("nobody")

    dba.execute("drop function authority.schema_version()")
    assert "`authority migrate`" in told(settings, SchemaVersionError)


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
