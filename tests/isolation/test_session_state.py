"""The state that a connection keeps from one tenant's transaction for the next."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import authority_queries
from authority_queries.resources import QUERIES
from tests.isolation.tenant_rows import Tenants, fill_tenants, set_tenant
from tests.stores import Logins

USERS = "select tenant_id from authority.users"
# Objects that outlive a transaction, and would carry one tenant's rows to the next.
LASTING = re.compile(
    r"\b(with hold|create (temp|temporary)|withhold|on commit)\b", re.I
)


@pytest.fixture
def tenants(dba: "psycopg.Connection[Any]") -> Tenants:
    return fill_tenants(dba)


@pytest.fixture
def app(logins: Logins, tenants: Tenants) -> "Iterator[psycopg.Connection[Any]]":
    with psycopg.connect(logins.app, autocommit=True) as connection:
        yield connection


@contextmanager
def working_for(connection: "psycopg.Connection[Any]", tenant: UUID) -> Iterator[None]:
    """Enter the tenant as a unit of work does."""
    with connection.transaction():
        connection.execute("select authority.enter_tenant(%s)", (tenant,))
        yield


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan", "force_custom_plan"])
def test_a_prepared_statement_keeps_no_tenant(
    mode: str, tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    app.execute(f"set plan_cache_mode = {mode}".encode())
    app.execute(f"prepare users as {USERS}".encode())
    for _ in range(7):  # from the sixth on, PostgreSQL may take a generic plan
        for tenant in (tenants.own, tenants.foreign):
            with working_for(app, tenant):
                assert app.execute("execute users").fetchall() == [(tenant,)]
        assert app.execute("execute users").fetchall() == []


def test_a_statement_that_the_owner_prepared_is_planned_anew_for_a_service(
    tenants: Tenants, dba: "psycopg.Connection[Any]"
) -> None:
    """The plan of one role is never used for another: row security is a part of it."""
    dba.execute(f"prepare users as {USERS}".encode())
    assert len(dba.execute("execute users").fetchall()) == 2
    dba.execute("set role authority_app")
    assert dba.execute("execute users").fetchall() == []
    set_tenant(dba, tenants.own)
    assert dba.execute("execute users").fetchall() == [(tenants.own,)]
    dba.execute("reset role")
    assert len(dba.execute("execute users").fetchall()) == 2


def test_a_function_that_ran_for_one_tenant_keeps_no_plan_of_it(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    app.execute("""
        create function pg_temp.users() returns setof uuid language plpgsql
        as $$ begin return query select tenant_id from authority.users; end $$
    """)
    for _ in range(7):
        for tenant in (tenants.own, tenants.foreign):
            with working_for(app, tenant):
                query = "select * from pg_temp.users()"
                assert app.execute(query).fetchall() == [(tenant,)]


def test_a_cursor_keeps_the_tenant_of_its_first_row_until_the_transaction_ends(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    tenants.dba.execute(
        "insert into authority.scopes (tenant_id, name) "
        "select id, 'scope-' || n from authority.tenants, generate_series(1, 9) as n"
    )
    scopes = "select tenant_id from authority.scopes"
    with working_for(app, tenants.own):
        for name in ("begun", "waiting"):
            app.execute(f"declare {name} cursor for {scopes}".encode())
        assert app.execute("fetch begun").fetchall() == [(tenants.own,)]
        app.execute("select authority.enter_tenant(%s)", (tenants.foreign,))
        rest = app.execute("fetch all from begun").fetchall()
        assert rest == [(tenants.own,)] * 9
        later = app.execute("fetch all from waiting").fetchall()
        assert later == [(tenants.foreign,)] * 10
    with pytest.raises(psycopg.errors.InvalidCursorName):
        app.execute("fetch begun")


def test_a_cursor_with_hold_outlives_its_tenant(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    """A limit: PostgreSQL copies its rows at the commit. No query opens one."""
    with working_for(app, tenants.own):
        app.execute(f"declare held cursor with hold for {USERS}".encode())
    with working_for(app, tenants.foreign):
        assert app.execute("fetch all from held").fetchall() == [(tenants.own,)]
    app.execute("close all")


def test_a_temporary_table_outlives_its_tenant(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    """A limit: a temporary table has no policy. No query creates one."""
    with working_for(app, tenants.own):
        app.execute(f"create temporary table copies as {USERS}".encode())
    with working_for(app, tenants.foreign):
        found = app.execute("select tenant_id from copies").fetchall()
    assert found == [(tenants.own,)]
    app.execute("discard temporary")


def test_no_query_creates_an_object_that_outlives_a_transaction(
    dba: "psycopg.Connection[Any]",
) -> None:
    package = Path(authority_queries.__file__).parent
    # The code generator works on a database of its own, not on a service's.
    files = [
        *QUERIES.glob("*.sql"),
        *(
            path
            for path in package.rglob("*.py")
            if "codegen" not in path.relative_to(package).parts
        ),
    ]
    assert len(files) > 40
    query = "select prosrc from pg_proc where pronamespace = 'authority'::regnamespace"
    sources = [path.read_text() for path in files]
    sources += [source for (source,) in dba.execute(query)]
    assert [found for source in sources for found in LASTING.findall(source)] == []
    assert LASTING.search("declare c cursor with hold for select 1")
    assert LASTING.search("conn.cursor(name, withhold=True)")
    assert LASTING.search("create temporary table t ()")
