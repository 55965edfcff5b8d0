"""A foreign schema at the head of the search_path changes nothing."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Authority, Settings, Store
from authority_queries.errors import AuthorityError
from authority_queries.service.migrations import yoyo_url
from tests.isolation.probes import inserted, moved, seen
from tests.isolation.tenant_life import live
from tests.isolation.tenant_rows import Tenants, fill_tenants, set_tenant
from tests.stores import Logins

# Tables, functions and operators named as ours and as PostgreSQL's.
EVIL = """
create schema evil;
grant usage on schema evil to public;
create table evil.users (tenant_id uuid, id uuid, username text);
create table evil.tenants (id uuid, code text, status text);
insert into evil.tenants values (gen_random_uuid(), 'globex', 'active');
create function evil.current_setting(text, boolean) returns text
language sql return '{foreign}';
create function evil.set_config(text, text, boolean) returns text
language sql return '{foreign}';
create function evil.translate(text, text, text) returns text
language sql return '----';
create function evil.row_security_active(text) returns boolean
language sql return true;
create function evil.pg_has_role(name, text) returns boolean
language sql return false;
create function evil.lower(text) returns text language sql return 'eve';
create function evil.network(inet) returns cidr language sql return '0.0.0.0/0'::cidr;
create function evil.now() returns timestamptz
language sql return '2000-01-01 00:00:00Z'::timestamptz;
create function evil.statement_timestamp() returns timestamptz
language sql return '2000-01-01 00:00:00Z'::timestamptz;
create function evil.gen_random_uuid() returns uuid
language sql return '{foreign}'::uuid;
create function evil.yes(uuid, uuid) returns boolean language sql return true;
create function evil.yes(text, text) returns boolean language sql return true;
create operator evil.= (leftarg = uuid, rightarg = uuid, function = evil.yes);
create operator evil.= (leftarg = text, rightarg = text, function = evil.yes);
create operator evil.~~ (leftarg = text, rightarg = text, function = evil.yes);
grant all on all tables in schema evil to public;
"""

# Both paths are covered: pg_catalog searched first, as it is unless it is named, or
# last.
PATHS = pytest.mark.parametrize("path", ["evil", "evil, pg_catalog"])

OURS = [
    "select authority.find_tenant('globex')",
    "select authority.find_tenant('nobody')",
    "select authority.is_username_key('Ann', 'ann')",
    "select authority.address_prefix('192.0.2.7')",
]


@pytest.fixture
def tenants(dba: "psycopg.Connection[Any]") -> Tenants:
    tenants = fill_tenants(dba)
    dba.execute(EVIL.replace("{foreign}", str(tenants.foreign)).encode())
    return tenants


@pytest.fixture
def fresh(tenants: Tenants) -> UUID:
    """A third tenant, which has nothing yet."""
    query = """
        insert into authority.tenants (code, display_name)
        values ('initech', 'Initech') returning id
    """
    found = tenants.dba.execute(query).fetchone()
    assert found is not None
    return UUID(str(found[0]))


@pytest.fixture
def opened(logins: Logins, tenants: Tenants) -> "Iterator[Callable[..., Any]]":
    connections = []

    def opened(path: str, login: str = "app") -> "psycopg.Connection[Any]":
        conninfo = getattr(logins, login)
        options = f"-c search_path={path.replace(' ', '')}"
        connection = psycopg.connect(make_conninfo(conninfo, options=options))
        connection.autocommit = True
        connections.append(connection)
        return connection

    yield opened
    for connection in connections:
        connection.close()


def test_the_other_schema_is_really_searched_first(
    tenants: Tenants, opened: Callable[..., Any]
) -> None:
    connection = opened("evil, pg_catalog")
    for query in ("select lower('Ann') = 'eve'", "select code = 'x' from tenants"):
        assert connection.execute(query).fetchone() == (True,)
    setting = "select current_setting('authority.tenant_id', true)"
    assert connection.execute(setting).fetchone() == (str(tenants.foreign),)


@PATHS
def test_another_schema_does_not_change_our_policies(
    path: str, tenants: Tenants, opened: Callable[..., Any]
) -> None:
    connection = opened(path)
    assert seen(connection, tenants) == []
    connection.execute(
        "select pg_catalog.set_config('authority.tenant_id', %s, false)",
        (str(tenants.own),),
    )
    for table in tenants.tables:
        rows = connection.execute(table.statement("select {column} from {table}"))
        expected = [(tenants.own,)] * tenants.count(table, tenants.own)
        assert rows.fetchall() == expected, table.name
    assert inserted(connection, tenants, tenants.foreign) == []
    assert moved(connection, tenants) == []


@PATHS
def test_another_schema_does_not_change_our_functions(
    path: str, tenants: Tenants, opened: Callable[..., Any]
) -> None:
    plain, evil = opened("pg_catalog"), opened(path)
    for query in OURS:
        assert evil.execute(query).fetchone() == plain.execute(query).fetchone()
    found = evil.execute(OURS[0]).fetchone()
    assert found == (tenants.foreign,)
    with evil.transaction():
        evil.execute("select authority.enter_tenant(%s)", (tenants.own,))
        query = "select tenant_id from authority.users"
        assert evil.execute(query).fetchall() == [(tenants.own,)]
    with pytest.raises(psycopg.Error) as caught:
        evil.execute("select authority.enter_tenant(%s)", (uuid4(),))
    assert caught.value.sqlstate == "TN001"
    tenants.dba.execute("set search_path = evil, pg_catalog")
    with pytest.raises(psycopg.Error) as caught:
        tenants.dba.execute("select authority.enter_tenant(%s)", (tenants.own,))
    assert caught.value.sqlstate == "TN002"


def test_another_schema_does_not_change_our_queries(
    tenants: Tenants, fresh: UUID, opened: Callable[..., Any]
) -> None:
    connection = opened("evil")
    set_tenant(connection, fresh)
    before = tenants.foreign_rows()
    live(Store(connection), fresh)
    assert tenants.foreign_rows() == before


def test_our_queries_reach_no_other_tenant_by_another_schemas_operators(
    tenants: Tenants, opened: Callable[..., Any]
) -> None:
    """A limit: PostgreSQL takes `=` from the first schema of a login's search_path.

    Our own predicates then have a foreign meaning. The policies do not.
    """
    connection = opened("evil, pg_catalog")
    told = "select pg_catalog.set_config('authority.tenant_id', %s, false)"
    connection.execute(told, (str(tenants.own),))
    before = tenants.foreign_rows()
    store = Store(connection)
    found = store.users.get_by_username(tenant_id=tenants.own, username="nobody")
    assert found is not None, (
        "the schema is not searched first any more: remove this test"
    )
    assert found.tenant_id == tenants.own
    with pytest.raises(AuthorityError):
        live(store, tenants.own)
    store.users.delete(tenant_id=tenants.foreign, user_id=tenants.foreign)
    assert tenants.foreign_rows() == before


# PostgreSQL prefers the operator of the better types, wherever it is, and `=` of cidr
# is only that of inet. So in a schema where anybody may create, as public was before
# PostgreSQL 15, a stranger can have code executed by the role that prunes for all
# tenants.

BETTER = """
create table public.seen (who text);
grant all on public.seen to public;
create function public.spy(cidr, cidr) returns boolean language plpgsql
as $$ begin insert into public.seen values (current_user); return true; end $$;
create operator public.= (leftarg = cidr, rightarg = cidr, function = public.spy);
"""


@pytest.fixture
def throttled(tenants: Tenants) -> Tenants:
    """A database with a throttled account, and a foreign operator in schema public."""
    tenants.dba.execute(BETTER)
    return tenants


def sign_in(store: Store, tenants: Tenants) -> None:
    """Sign an account in, from a network by which its throttle is looked up."""
    key: dict[str, Any] = {"tenant_id": tenants.own, "username": "ann"}
    here: dict[str, Any] = {"address": IPv4Address("192.0.2.7"), "factor": "password"}
    assert store.login_attempts.reserve(**key, **here).allowed
    store.login_attempts.succeed(**key, **here)
    found = tenants.dba.execute(
        "select count(*) from authority.login_throttles "
        "where trusted_until is not null and address_prefix::text = '192.0.2.0/24'"
    )
    assert found.fetchall() == [(1,)]


def spies(tenants: Tenants) -> set[str]:
    return {who for (who,) in tenants.dba.execute("select who from public.seen")}


def path_of(settings: Settings, tenants: Tenants) -> str:
    """Return the search_path of a unit of work."""
    with (
        Authority.open(settings) as authority,
        authority.tenant(tenants.own) as store,
    ):
        found = store.connection.execute("show search_path").fetchone()
    assert isinstance(found, tuple)
    return str(found[0])


def test_our_connections_find_no_foreign_operators(
    throttled: Tenants, logins: Logins
) -> None:
    settings = Settings(database_url=yoyo_url(logins.app))
    with (
        Authority.open(settings) as authority,
        authority.tenant(throttled.own, autocommit=True) as store,
    ):
        sign_in(store, throttled)
    assert path_of(settings, throttled) == "pg_catalog,pg_temp"
    assert spies(throttled) == set()


def test_an_own_connection_finds_no_foreign_operators(
    throttled: Tenants, logins: Logins
) -> None:
    """Our queries compare networks as inet, for which PostgreSQL has the operator."""
    with psycopg.connect(logins.app, autocommit=True) as connection:
        with Store.unit(connection, throttled.own, autocommit=True) as store:
            sign_in(store, throttled)
        assert spies(throttled) == set()
        connection.execute("select cidr '10.0.0.0/8' = cidr '10.0.0.0/8'")
        assert len(spies(throttled)) == 1


def test_the_url_may_set_another_search_path(tenants: Tenants, logins: Logins) -> None:
    url = make_conninfo(logins.app, options="-c search_path=evil")
    settings = Settings(database_url=yoyo_url(url))
    assert path_of(settings, tenants) == "evil"


# Everybody has a temporary schema, which is searched first for tables and types even
# where it is not named.

SPY = """
create temporary table seen (who text);
grant all on pg_temp.seen to public;
create function pg_temp.spy(name) returns name language plpgsql
as $$ begin insert into pg_temp.seen values (current_user); return $1; end $$;
grant execute on function pg_temp.spy(name) to public;
create temporary view pg_class as
select oid, pg_temp.spy(relname) as relname from pg_catalog.pg_class;
grant select on pg_temp.pg_class to public;
create function pg_temp.look(text) returns boolean language plpgsql
as $$ begin insert into pg_temp.seen values (current_user); return true; end $$;
grant execute on function pg_temp.look(text) to public;
create domain pg_temp.text as pg_catalog.text check (pg_temp.look(value));
grant usage on type pg_temp.text to public;
"""


def spied(connection: "psycopg.Connection[Any]") -> set[str]:
    """Call the security definer; return the role that runs the caller's code."""
    connection.execute(SPY)
    connection.execute("select authority.create_login_attempt_partitions(6)")
    return {who for (who,) in connection.execute("select who from pg_temp.seen")}


def test_a_temporary_object_does_not_run_as_the_owner(
    tenants: Tenants, opened: Callable[..., Any]
) -> None:
    assert spied(opened("pg_catalog", "maintenance")) == set()


@pytest.mark.parametrize(
    "routine",
    [
        "function authority.create_partitions",
        "procedure authority.isolate_tenants",
    ],
)
def test_a_temporary_object_runs_as_the_owner_if_pg_temp_is_not_named_last(
    routine: str, tenants: Tenants, opened: Callable[..., Any]
) -> None:
    change = f"alter {routine} set search_path = pg_catalog"
    tenants.dba.execute(change.encode())
    assert spied(opened("pg_catalog", "maintenance")) == {"pg_database_owner"}


def test_temporary_tables_named_as_ours_hide_none(
    fresh: UUID, opened: Callable[..., Any]
) -> None:
    connection = opened("pg_catalog")
    for name in ("users", "tenants", "tokens"):
        connection.execute(f"create temporary table {name} (id uuid)".encode())
    set_tenant(connection, fresh)
    live(Store(connection), fresh)
