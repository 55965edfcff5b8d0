"""Loads the tokens of benchmarks.growth: the schema's own table, without its triggers.

The rows of the first million are inserted with all indexes in place. Further rows are
inserted without indexes, which are built afterwards as the schema has them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg import Connection

TENANTS: Final = 20
WITH_INDEXES: Final = 1_000_000

_TENANTS_AND_CLIENTS: Final = """
insert into authority.tenants (id, code, display_name)
select md5('tenant' || t)::uuid, 't' || t, 'T'
from generate_series(0, %(tenants)s - 1) as t;

insert into authority.clients (tenant_id, id, client_id, client_type, consent_type)
select
    md5('tenant' || t)::uuid, md5('client' || t || '.' || c)::uuid, 'client' || c,
    'confidential', 'implicit'
from generate_series(0, %(tenants)s - 1) as t, generate_series(0, 3) as c;

insert into authority.users (
    tenant_id, id, username, username_key, email, email_verified
)
select
    md5('tenant' || t)::uuid, md5('user' || t || '.' || u)::uuid, 'user' || u,
    'user' || u, 'user' || u || '@example.com', true
from generate_series(0, %(tenants)s - 1) as t, generate_series(0, 499) as u;
"""

# Ten tokens in a row have one tenant's family: a live refresh token, a redeemed one,
# three access tokens. The other five are access tokens of clients for themselves.
_FAMILIES: Final = """
insert into authority.authorizations (
    tenant_id, id, client_uuid, user_id, scopes, expires_at, tokens_expire_at,
    created_at
)
select
    md5('tenant' || t)::uuid, md5('family' || f)::uuid,
    md5('client' || t || '.' || f %% 4)::uuid,
    md5('user' || t || '.' || f %% 500)::uuid,
    '{openid,profile}', now() + interval '300 days', now() + interval '29 days',
    now() - interval '1 day'
from generate_series(%(first)s / 10, %(after)s / 10 - 1) as f,
lateral (values (f %% %(tenants)s)) as owners (t)
"""
_TOKENS: Final = """
insert into authority.tokens (
    tenant_id, id, type, token_hash, client_uuid, user_id, authorization_id, scopes,
    resources, properties, redeemed_at, redemption_hash, expires_at, created_at,
    authenticated_at
)
select
    md5('tenant' || t)::uuid,
    gen_random_uuid(),
    case when place < 2 then 'refresh' else 'access' end,
    sha256(uuid_send(gen_random_uuid())),
    md5('client' || t || '.' || f %% 4)::uuid,
    case when place < 5 then md5('user' || t || '.' || f %% 500)::uuid end,
    case when place < 5 then md5('family' || f)::uuid end,
    '{openid,profile}',
    '{https://api.example}',
    '{"device": "a telephone"}',
    case when place = 1 then now() - interval '1 hour' end,
    case when place = 1 then sha256('1') end,
    now() + interval '1 day' * (case when place < 2 then 30 else 1 end)
    + interval '1 second' * (20000 * random()),
    now() - interval '12 hours',
    now() - interval '12 hours'
from generate_series(%(first)s, %(after)s - 1) as n,
lateral (values (n / 10, n %% 10)) as rows (f, place),
lateral (values (f %% %(tenants)s)) as owners (t)
"""

_CHECKS: Final = """
select conname, pg_get_constraintdef(oid) from pg_constraint
where conrelid = %s::regclass and contype = 'c'
"""
_KEYS: Final = """
select conname, pg_get_constraintdef(oid) from pg_constraint
where conrelid = %s::regclass and contype in ('p', 'u')
"""
_INDEXES: Final = """
select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
where indrelid = %s::regclass and not exists (
    select from pg_constraint where conindid = indexrelid and conrelid = indrelid
)
"""
_LOADED: Final = ("authority.tokens", "authority.authorizations")


def load_first(connection: Connection, tokens: int) -> None:
    """Load tenants, clients, users and the first tokens, in autocommit."""
    connection.execute("set session_replication_role = replica")
    for statement in _TENANTS_AND_CLIENTS.split(";\n\n"):
        connection.execute(statement.encode(), {"tenants": TENANTS})
    load(connection, 0, tokens)


def load(connection: Connection, first: int, after: int) -> None:
    """Load the tokens with these numbers, then vacuum and analyze."""
    connection.execute("set session_replication_role = replica")
    with _without_checks(connection):
        if after <= WITH_INDEXES:
            _insert(connection, first, after)
        else:
            with _without_indexes(connection):
                _insert(connection, first, after)
    connection.execute("vacuum (freeze, analyze, index_cleanup off, truncate off)")


def _insert(connection: Connection, first: int, after: int) -> None:
    given = {"first": first, "after": after, "tenants": TENANTS}
    connection.execute(_FAMILIES.encode(), given)
    connection.execute(_TOKENS.encode(), given)


@contextmanager
def _without_checks(connection: Connection) -> Iterator[None]:
    """Drop the checks, which the rows meet, and add them again for later rows."""
    checks = [
        (table, *each) for table in _LOADED for each in _of(connection, _CHECKS, table)
    ]
    for table, name, _ in checks:
        _run(connection, f"alter table {table} drop constraint {name}")
    yield
    for table, name, check in checks:
        _run(
            connection,
            f"alter table {table} add constraint {name} {check} not valid",
        )


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    keys = _of(connection, _KEYS, "authority.tokens")
    indexes = _of(connection, _INDEXES, "authority.tokens")
    for name, _ in keys:
        _run(connection, f"alter table authority.tokens drop constraint {name}")
    for name, _ in indexes:
        _run(connection, f"drop index {name}")
    yield
    connection.execute("set maintenance_work_mem = '1GB'")
    for _, definition in indexes:
        _run(connection, definition)
    for name, key in keys:
        _run(connection, f"alter table authority.tokens add constraint {name} {key}")


def _of(connection: Connection, query: str, table: str) -> list[tuple[str, str]]:
    found = connection.execute(query.encode(), [table]).fetchall()
    return [(name, text.removesuffix(" NOT VALID")) for name, text in found]


def _run(connection: Connection, statement: str) -> None:
    connection.execute(statement.encode())
