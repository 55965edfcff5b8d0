"""Rules of all query files, so that a new query is covered by what exists."""

import re
from typing import Any

import psycopg
import pytest
from aiosql.queries import Queries

from authority_queries import Store
from authority_queries._resources import QUERIES
from authority_queries._sync.adapter import load_queries
from authority_queries._sync.repository import Repository
from tests.every_query import names_by_file

ALL = names_by_file()
STEMS = sorted({stem for stem, _ in ALL})
LOADED: dict[str, Queries] = {stem: load_queries(stem) for stem in STEMS}
# Not of one tenant by purpose: the directory of tenants, pruning, the server itself.
CROSS_TENANT = {
    "tenants.get_by_code",
    "tenants.list_after",
    "tenants.list_before",
    "tenants.create",
    "authorizations.prune",
    "tokens.prune_expired",
    "revocations.prune_expired",
    "login_attempts.prune_throttles",
    "login_attempts.create_partitions",
    "server.describe",
    "server.list_applied_migrations",
}
every_query = pytest.mark.parametrize(
    ("stem", "name"), ALL, ids=[f"{stem}.{name}" for stem, name in ALL]
)


def test_there_is_one_repository_for_each_file(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        repositories = {
            name
            for name, value in vars(Store(connection)).items()
            if isinstance(value, Repository)
        }
    assert repositories == set(STEMS)


@every_query
def test_a_query_says_what_it_gives(stem: str, name: str) -> None:
    doc = getattr(LOADED[stem], name).__doc__
    assert doc
    assert doc.rstrip().endswith(".")


@every_query
def test_a_query_is_found_at_the_line_that_is_announced(stem: str, name: str) -> None:
    function = getattr(LOADED[stem], name)
    lines = (QUERIES / f"{stem}.sql").read_text().splitlines()
    line = lines[function.__code__.co_firstlineno - 1]
    assert re.match(rf"-- name: {name}\(", line)


@every_query
def test_a_query_is_bound_to_its_tenant(stem: str, name: str) -> None:
    parameters = getattr(LOADED[stem], name).parameters
    assert ("tenant_id" in parameters) == (f"{stem}.{name}" not in CROSS_TENANT)


@every_query
def test_a_query_spells_out_its_columns_and_schema(stem: str, name: str) -> None:
    sql = getattr(LOADED[stem], name).sql
    assert "*" not in sql.replace("count(*)", "")
    assert " offset " not in sql
    assert stem == "server" or "authority." in sql


LOOK_UPS = [
    ("tokens", "get_by_hash", "tokens_tenant_id_token_hash_key"),
    ("tokens", "verify", "tokens_tenant_id_token_hash_key"),
    ("tokens", "redeem", "tokens_tenant_id_token_hash_key"),
    ("tokens", "list_active_by_subject", "tokens_tenant_id_user_id_id_idx"),
    ("users", "get_by_username", "users_tenant_id_username_normalized_key"),
    ("users", "get_by_subject_id", "users_tenant_id_subject_id_key"),
    ("clients", "get_by_client_id", "clients_tenant_id_client_id_key"),
    ("licenses", "get_by_key", "licenses_tenant_id_key_hash_key"),
]


@pytest.mark.parametrize(("stem", "name", "index"), LOOK_UPS)
def test_a_look_up_uses_its_index(
    stem: str, name: str, index: str, dba: "psycopg.Connection[Any]"
) -> None:
    fill(dba)
    plan = generic_plan(dba, getattr(LOADED[stem], name).sql)
    assert index in plan, plan
    assert f"Seq Scan on {stem}" not in plan, plan


def generic_plan(dba: "psycopg.Connection[Any]", sql: str) -> str:
    """The plan that does not know the parameters."""
    dba.execute("set plan_cache_mode = force_generic_plan")
    names: list[str] = []

    def number(found: "re.Match[str]") -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    text = re.sub(r"%\((\w+)\)s", number, sql).rstrip(";").replace("%%", "%")
    dba.execute(f"prepare wanted as {text}")
    nulls = ", ".join(["null"] * len(names))
    rows = dba.execute(f"explain execute wanted({nulls})").fetchall()
    return "\n".join(line for (line,) in rows)


def fill(dba: "psycopg.Connection[Any]") -> None:
    """Enough rows of several tenants that an index is worth it."""
    dba.execute(
        """
        insert into authority.tenants (id, code, display_name)
        select
            ('00000000-0000-0000-0000-00000000000' || n)::uuid, 't' || n, 't'
        from generate_series(1, 5) as n;
        insert into authority.users (tenant_id, username)
        select tenants.id, 'user' || n
        from authority.tenants cross join generate_series(1, 1000) as n;
        insert into authority.clients (tenant_id, client_id, client_type)
        select tenants.id, 'client' || n, 'public'
        from authority.tenants cross join generate_series(1, 400) as n;
        insert into authority.licenses (tenant_id, key_hash, plan)
        select tenants.id, sha256(n::text::bytea), 'p'
        from authority.tenants cross join generate_series(1, 400) as n;
        insert into authority.tokens
        (tenant_id, type, token_hash, client_id, user_id, expires_at)
        select
            users.tenant_id, 'access', sha256(users.id::text::bytea), clients.id,
            users.id, now() + '1 hour'
        from authority.users
        inner join authority.clients
            on users.tenant_id = clients.tenant_id and clients.client_id = 'client1';
        analyze
        """
    )
