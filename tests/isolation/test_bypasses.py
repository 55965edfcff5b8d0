"""Ways around the policies that a login has: each is closed, or its limit is shown."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries.resources import QUERIES
from tests.isolation.probes import DENIED, seen
from tests.isolation.tenant_rows import Tenants, fill_tenants, set_tenant, sqlstate
from tests.stores import Logins

LOGINS = pytest.mark.parametrize("login", ["app", "reader", "maintenance"])
# Objects that all sessions of the database share, and that must not carry rows.
SHARED = re.compile(
    r"\b(notify|listen|pg_notify|pg_(try_)?advisory\w*|lo_\w+|nextval|dblink\w*)\b",
    re.I,
)


@pytest.fixture
def tenants(dba: "psycopg.Connection[Any]") -> Tenants:
    return fill_tenants(dba)


@pytest.fixture
def app(logins: Logins, tenants: Tenants) -> "Iterator[psycopg.Connection[Any]]":
    """A service whose whole session works for the own tenant."""
    conninfo = logins.app_for(tenants.own)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


def count(connection: "psycopg.Connection[Any]", query: str, *values: object) -> int:
    found = connection.execute(query.encode(), values).fetchone()
    assert found is not None
    return int(found[0])


USERS = "select count(*) from authority.users"


# The owner.

WATCHED_BY_THE_OWNER = [
    "audit_chains",
    "audit_events",
    "authorizations",
    "consents",
    "device_authorizations",
    "license_usage",
    "login_attempts",
    "login_throttles",
    "logout_notices",
    "one_time_tokens",
    "pushed_requests",
    "revocation_sequences",
    "revocations",
    "sessions",
    "signing_keys",
    "tenants",
    "tokens",
    "used_jtis",
    "user_roles",
]


def test_policies_apply_to_the_owner_except_for_the_directory(
    tenants: Tenants, conninfo: str
) -> None:
    owner = make_conninfo(conninfo, options="-c role=pg_database_owner")
    with psycopg.connect(owner, autocommit=True) as connection:
        # The directory, chains, and the events that are not sealed yet.
        always = ["audit_chains", "audit_events", "tenants"]
        assert seen(connection, tenants) == always
        # What monitoring counts: rows that have ended or wait for work, and the feed.
        connection.execute("set authority.is_watching = on")
        assert seen(connection, tenants) == WATCHED_BY_THE_OWNER
        living = "select count(*) from authority.tokens where expires_at > now()"
        assert count(connection, living) == 0
        sealed = "select count(*) from authority.audit_events where number is not null"
        assert count(connection, sealed) == 0
        update = "update authority.tenants set status = 'suspended'"
        assert connection.execute(update).rowcount == 0
        set_tenant(connection, tenants.own)
        assert count(connection, USERS) == 1
        # A limit: the owner of a table may lift the policies that apply to it.
        connection.execute("alter table authority.users no force row level security")
        assert count(connection, USERS) == 2


@LOGINS
def test_only_the_owner_changes_policies(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    changes = [
        "alter table authority.users disable row level security",
        "alter table authority.users no force row level security",
        "drop policy users_tenant_id_policy on authority.users",
        "alter policy users_tenant_id_policy on authority.users using (true)",
        "create policy mine on authority.users using (true)",
        "alter table authority.users owner to current_user",
        "alter function authority.find_tenant(text) security invoker",
        "create or replace function authority.mine() returns int return 1",
        "create table authority.mine ()",
        "create view authority.mine as select 1",
        "create rule mine as on select to authority.users do instead select 1",
        "create trigger mine before insert on authority.users "
        "execute function suppress_redundant_updates_trigger()",
        "create table pg_temp.mine (role_id uuid references authority.permissions)",
        "call authority.isolate_tenants('authority.users')",
        "set role pg_database_owner",
    ]
    refused = {"42501", "42P16"}  # 42P16: a temporary table refers to no lasting one
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        for change in changes:
            assert sqlstate(connection, change) in refused, change
        # A role without the right to grant on a table only gets a warning.
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("grant select on authority.users to public")
    query = "select has_table_privilege('pg_monitor', 'authority.users', 'select')"
    assert tenants.dba.execute(query).fetchone() == (False,)


@LOGINS
def test_no_login_becomes_another_role(login: str, logins: Logins) -> None:
    own = f"authority_{login}"
    ours = {"authority_app", "authority_maintenance", "authority_reader"}
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        for other in {*ours, "pg_database_owner"} - {own}:
            assert sqlstate(connection, f"set role {other}") == DENIED
            become = f"set session authorization {other}"
            assert sqlstate(connection, become) == DENIED
        assert sqlstate(connection, f"set role {own}") is None
        assert sqlstate(connection, "create role mine") == DENIED
        assert sqlstate(connection, "alter role current_user bypassrls") == DENIED


@LOGINS
def test_row_security_cannot_be_switched_off(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        connection.execute("set row_security = off")
        for table in tenants.tables:
            query = table.statement("select {column} from {table}")
            assert sqlstate(connection, query) == DENIED, table.name


# Tables and the objects beside them.


@LOGINS
def test_partitions_are_reached_through_their_parent_alone(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    assert len(tenants.partitions) > 1
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        set_tenant(connection, tenants.own)
        for table in tenants.partitions:
            for text in (
                "select {column} from {table}",
                "select count(*) from {table}",
                "insert into {table} default values",
                "copy {table} to stdout",
                "truncate {table}",
            ):
                assert sqlstate(connection, table.statement(text)) == DENIED, text


def test_a_partition_granted_by_mistake_has_its_own_policy(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    for table in tenants.partitions:
        grant = table.statement("grant select, insert on {table} to authority_app")
        tenants.dba.execute(grant)
        rows = app.execute(table.statement("select {column} from {table}")).fetchall()
        assert rows == [(tenants.own,)] * tenants.count(table, tenants.own)
    assert {tenants.count(table, tenants.foreign) for table in tenants.partitions} != {
        0
    }


@LOGINS
def test_no_login_truncates(login: str, tenants: Tenants, logins: Logins) -> None:
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        for table in tenants.tables:
            for text in ("truncate {table}", "truncate {table} cascade"):
                assert sqlstate(connection, table.statement(text)) == DENIED


def test_copy_reads_the_own_tenants_rows_and_writes_none(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    for table in tenants.tables:
        every = tenants.count(table, tenants.own)
        # Plain COPY omits partitions.
        alone = 0 if table.name in {"audit_events", "login_attempts"} else every
        for text, expected in (
            ("copy {table} to stdout", alone),
            ("copy (table {table}) to stdout", every),
        ):
            with app.cursor().copy(table.statement(text)) as copy:
                lines = b"".join(copy).decode().splitlines()
            assert len(lines) == expected, table.name
            assert str(tenants.foreign) not in "".join(lines)
    unsupported = "0A000"  # COPY FROM with row-level security
    assert sqlstate(app, "copy authority.users from stdin") == unsupported
    for target in ("program 'cat'", "'/tmp/users'"):
        assert sqlstate(app, f"copy authority.users to {target}") == DENIED


def test_views_return_the_own_tenants_rows(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    query = "select distinct tenant_id from authority.{}"
    views = (
        "token_states",
        "live_tokens",
        "verified_tokens",
        "license_states",
        "usable_licenses",
    )
    for view in views:
        assert app.execute(query.format(view).encode()).fetchall() == [(tenants.own,)]
    set_tenant(app, "")
    for view in views:
        assert app.execute(query.format(view).encode()).fetchall() == []


def test_no_sequence_reveals_counts_of_other_tenants(
    dba: "psycopg.Connection[Any]",
) -> None:
    query = """
        select count(*) from pg_class
        where relnamespace = 'authority'::regnamespace and relkind = 'S'
    """
    assert count(dba, query) == 0
    with dba.transaction(force_rollback=True):
        dba.execute("create table authority.t (id bigint generated always as identity)")
        assert count(dba, query) == 1


# Functions that run as their owner.


@LOGINS
def test_find_tenant_returns_only_an_id_for_an_exact_code(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    tenants.dba.execute("update authority.tenants set status = 'suspended'")
    query = "select authority.find_tenant(%s)"
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        if login == "maintenance":  # it has the whole directory
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(query, ("globex",))
            return
        for code in ("", "%", "glo", "globex ", "GLOBEX", "g%", "globe_", None):
            assert connection.execute(query, (code,)).fetchone() == (None,), code
        assert connection.execute(query, ("globex",)).fetchone() == (tenants.foreign,)
        assert seen(connection, tenants) == []


@LOGINS
def test_only_operators_create_partitions(login: str, logins: Logins) -> None:
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        query = "select authority.create_login_attempt_partitions(4)"
        expected = None if login == "maintenance" else DENIED
        assert sqlstate(connection, query) == expected


# Side channels.


@pytest.fixture
def leak(app: "psycopg.Connection[Any]") -> "psycopg.Connection[Any]":
    """A service with a function that reports each value that it is called with."""
    app.execute("""
        create function pg_temp.leak(value text) returns boolean
        language plpgsql cost 0.0000001
        as $$ begin raise notice 'leaked %', value; return true; end $$
    """)
    return app


LEAKS = [
    "select id from authority.users where pg_temp.leak(display_name)",
    "select id from authority.users where pg_temp.leak(display_name) and id = %s",
    "update authority.users set email_verified = false "
    "where pg_temp.leak(display_name)",
    "select from authority.live_tokens where pg_temp.leak(tenant_id::text)",
    "select from authority.users inner join authority.tokens "
    "on pg_temp.leak(users.display_name) and pg_temp.leak(tokens.tenant_id::text)",
    "select from authority.users order by pg_temp.leak(display_name)",
]


def leaked(leak: "psycopg.Connection[Any]", query: str) -> set[str]:
    messages: list[str] = []
    leak.add_notice_handler(lambda diag: messages.append(diag.message_primary or ""))
    with leak.transaction(force_rollback=True):
        leak.execute(query.encode(), (uuid4(),) if "%s" in query else ())
    return set(messages)


@pytest.mark.parametrize("query", LEAKS)
def test_a_callers_function_receives_no_foreign_row(
    query: str, tenants: Tenants, leak: "psycopg.Connection[Any]"
) -> None:
    foreign = re.compile(f"{tenants.foreign}|globex")
    messages = leaked(leak, query)
    assert [message for message in messages if foreign.search(message)] == []
    for table in tenants.tables:
        change = table.statement("alter table {table} disable row level security")
        tenants.dba.execute(change)
    assert foreign.search(" ".join(leaked(leak, query)))


def test_statistics_show_no_value_of_a_tenants_table(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    tenants.dba.execute("analyze")
    query = (
        "select distinct tablename::text from pg_stats where schemaname = 'authority'"
    )
    known = {name for (name,) in tenants.dba.execute(query)}
    assert {table.name for table in tenants.tables} <= known
    assert app.execute(query).fetchall() == []
    assert sqlstate(app, "select from pg_statistic where stavalues1 is null") == DENIED
    tenants.dba.execute("alter table authority.users disable row level security")
    assert app.execute(query).fetchall() == [("users",)]


def test_the_planner_reveals_the_size_of_other_tenants(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    """A limit: estimates use the rows of all tenants. No query asks for an estimate.

    It takes a tenant's id, and the right to send any statement.
    """
    tenants.dba.execute(
        "insert into authority.scopes (tenant_id, name) "
        "select %s, 'scope-' || n from generate_series(1, 5000) as n",
        (tenants.foreign,),
    )
    tenants.dba.execute("analyze authority.scopes")
    scopes = f"from authority.scopes where tenant_id = '{tenants.foreign}'"
    plan = app.execute(f"explain select {scopes}".encode()).fetchall()
    assert max(int(n) for n in re.findall(r"rows=(\d+)", str(plan))) > 4000
    size = "select reltuples from pg_class where oid = 'authority.scopes'::regclass"
    assert count(app, size) >= 5000
    assert count(app, f"select count(*) {scopes}") == 0
    # A report of monitoring does, about whole tables.
    files = [path for path in QUERIES.glob("*.sql") if path.stem != "monitoring"]
    text = "".join(path.read_text() for path in files)
    assert not re.search(r"^\s*explain\b|reltuples|pg_stat", text, re.I | re.M)


def test_sessions_of_the_login_show_statements_without_values(
    app: "psycopg.Connection[Any]", logins: Logins, tenants: Tenants
) -> None:
    conninfo = logins.app_for(tenants.foreign)
    with psycopg.connect(conninfo, autocommit=True) as other:
        query = "select id from authority.users where username_key = %s"
        other.execute(query, ("very-secret-name",))
        text = "select query from pg_stat_activity where pid = %s"
        shown = app.execute(text, (other.info.backend_pid,)).fetchone()
    assert shown == (query.replace("%s", "$1"),)


def test_the_store_sends_nothing_through_shared_database_objects(
    dba: "psycopg.Connection[Any]",
) -> None:
    """Channels, advisory locks, large objects and sequences know no tenants."""
    sources = {path.name: path.read_text() for path in QUERIES.glob("*.sql")}
    query = """
        select proname::text, prosrc from pg_proc
        where pronamespace = 'authority'::regnamespace
    """
    sources |= dict(dba.execute(query).fetchall())
    assert len(sources) > 15
    sources = {name: re.sub(r"--.*", "", source) for name, source in sources.items()}
    # The feed's hint shows every follower which tenant has published: its id. The
    # withdrawal of a compromised key publishes in the feed, too. Migrations lock out
    # other migrations.
    by_purpose = [
        "append_revocations",
        "begin_migration",
        "revocations.sql",
        "signing_keys.sql",
    ]
    shared = sorted(name for name in sources if SHARED.search(sources[name]))
    assert shared == by_purpose
    assert SHARED.search("select pg_notify('tenants', 'x')")
    assert SHARED.search("select pg_advisory_xact_lock(1)")


def test_shared_database_objects_belong_to_every_tenant(
    app: "psycopg.Connection[Any]", logins: Logins, tenants: Tenants
) -> None:
    """A limit of PostgreSQL, for which the store uses none of these objects."""
    conninfo = logins.app_for(tenants.foreign)
    with psycopg.connect(conninfo, autocommit=True) as other:
        app.execute("listen acme")
        other.execute("notify acme, 'from another tenant'")
        heard = [notify.payload for notify in app.notifies(timeout=5, stop_after=1)]
        assert heard == ["from another tenant"]
        assert other.execute("select pg_try_advisory_lock(1)").fetchone() == (True,)
        assert app.execute("select pg_try_advisory_lock(1)").fetchone() == (False,)
        oid = other.execute("select lo_from_bytea(0, 'secret')").fetchone()
        assert app.execute("select lo_get(%s)", oid).fetchone() == (b"secret",)


# Limits: what a session can do that may send any statement as a service.


def test_a_session_that_sends_any_statement_can_name_any_tenant(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    """A limit: the policies stop a wrong query, not a service that is taken over."""
    query = "select tenant_id from authority.users"
    assert app.execute(query).fetchall() == [(tenants.own,)]
    set_tenant(app, tenants.foreign)
    assert app.execute(query).fetchall() == [(tenants.foreign,)]


def test_a_session_that_sends_any_statement_can_lock_a_table_for_all(
    app: "psycopg.Connection[Any]", logins: Logins
) -> None:
    """A limit: a role that may update a table may lock it. Reports cannot."""
    lock = "lock table authority.users in access exclusive mode"
    assert sqlstate(app, lock) is None
    assert sqlstate(app, "lock table authority.license_usage in share mode") == DENIED
    with psycopg.connect(logins.reader, autocommit=True) as reader:
        assert sqlstate(reader, lock) == DENIED
