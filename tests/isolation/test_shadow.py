"""The store can be sharded by tenant: every key and query of a tenant allows it.

The proof is a shadow of the schema, in which PostgreSQL's own partitions by hash of
tenant_id stand for shards.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Store, migrate
from authority_queries.codegen.query import Query
from authority_queries.errors import MigrationError
from authority_queries.resources import MIGRATIONS
from tests.conftest import Server
from tests.isolation.shadow import (
    create_shadow,
    dump_schema,
    partitioned_tables,
    sharding,
)
from tests.isolation.shadow_database import Shadow, partition_number, shadow_of
from tests.isolation.shadow_plans import MODES
from tests.isolation.tenant_life import live
from tests.own_queries import own_queries

TENANT_QUERIES = [query for query in own_queries() if "tenant_id" in query.parameters]
# These read no sharded table, as far as EXPLAIN shows.
NO_SHARDS = {
    "audit_events.list_months": "calls a function, whose statements name the tenant",
    "audit_events.verify": "calls a function, whose statements name the tenant",
    "erasures.erase_tenant": "calls a function, whose every statement names the tenant",
    "erasures.erase_user": "calls a function, whose every statement names the tenant",
    "erasures.find_user": "calls a function, whose statement names the tenant",
    "exports.find_user": "calls a function, whose statement names the tenant",
    "exports.list_rows": "calls a function, whose statements name the tenant",
    "sessions.end": "calls a function: see the test of a tenant's life",
    "sessions.verify": "calls a function: see the test of a tenant's life",
    "tenant_moves.hold": "the directory",
    "tenant_moves.list_open_units": "the directory, and the locks of the server",
    "comparisons.list_row_keys": "calls a function, whose statement names the tenant",
    "comparisons.read_rows": "calls a function, whose statements name the tenant",
    "entries.find_named": "calls a function, whose statements name the tenant",
    "entries.find_others": "calls a function, whose statements name the tenant",
    "entries.import_license_usage": "calls a function that names the tenant",
    "entries.import_rows": "calls a function, whose statements name the tenant",
    "entries.import_tenant": "calls a function, whose statements name the tenant",
    "entries.record": "calls a function, whose statements name the tenant",
    "entries.settle": "calls a function, whose statements name the tenant",
    "entries.update_rows": "calls a function, whose statements name the tenant",
    "tenant_moves.dump_rows": "calls a function, whose statement names the tenant",
    "tenant_moves.load_rows": "calls a function, whose statement inserts",
    "tenant_moves.advance_feed": "calls a function, whose statement inserts",
    "tenants.get_by_id": "the directory of tenants is on every shard",
    "tenants.enter": "calls a function that reads the directory",
    "tenants.update": "the directory",
    "tenants.set_status": "the directory",
    "tenants.accept_foreign_tokens": "the directory",
    "login_attempts.reserve": "calls a function: see the test of a tenant's life",
    "tenants.revoke_tokens": "the directory",
    "tokens.verify_by_token": "calls a function: see the test of a tenant's life",
}
_PREDICATE = re.compile(r"\b\w+\.tenant_id = %\(tenant_id\)s")

# Objects of the tables with a tenant_id, without their partitions' copies.
_MADE = """
    select
        pg_class.relname as name,
        pg_class.relforcerowsecurity as isolated,
        array(
            select pg_constraint.conname::text
            from pg_constraint
            where
                pg_constraint.conrelid = pg_class.oid
                and pg_constraint.contype in ('p', 'u', 'f', 'c')
                and pg_constraint.conparentid = 0
            order by pg_constraint.conname
        ) as constraints,
        array(
            select pg_index.indexrelid::regclass::text
            from pg_index
            where pg_index.indrelid = pg_class.oid and pg_index.indisvalid
            order by 1
        ) as indexes,
        array(
            select pg_policy.polname::text
            from pg_policy
            where pg_policy.polrelid = pg_class.oid
            order by pg_policy.polname
        ) as policies,
        pg_class.relacl::text as grants
    from pg_class
    inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
    where
        pg_class.relnamespace = 'authority'::regnamespace
        and pg_class.relkind in ('r', 'p')
        and not pg_class.relispartition
        and pg_attribute.attname = 'tenant_id'
    order by pg_class.relname
"""


def full_name(query: Query) -> str:
    return f"{query.path.stem}.{query.name}"


def without_predicate(query: Query) -> Iterator[Query]:
    """Yield the query without one of its conditions on the tenant, each in turn."""
    for found in _PREDICATE.finditer(query.sql):
        before, after = query.sql[: found.start()], query.sql[found.end() :]
        yield replace(query, sql=f"{before}%(tenant_id)s::uuid is not null{after}")


@pytest.fixture(scope="module")
def shadow(
    server: Server, template: str, login_names: dict[str, str]
) -> Iterator[Shadow]:
    """The shadow of the schema that the migrations create."""
    migrated = make_conninfo(server.conninfo, dbname=template)
    logins = {f"authority_{role}": login for role, login in login_names.items()}
    with shadow_of(migrated, server.conninfo, logins) as shadow:
        yield shadow


def test_every_part_of_a_tenants_table_can_be_sharded(
    conninfo: str, blank_conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    with psycopg.connect(blank_conninfo) as connection:
        sharded = create_shadow(connection, dump_schema(conninfo))
        made = connection.execute(_MADE).fetchall()
    assert made == dba.execute(_MADE).fetchall()
    assert sharded == [name for name, *_ in made]


def without_keys(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row of _MADE without the keys, which are named anew with the table."""
    name, isolated, constraints, _, policies, grants = row
    kept = [each for each in constraints if each.endswith(("_fk", "_check"))]
    return name, isolated, kept, policies, grants


def migrate_sharding(conninfo: str, folder: Path, *, early: bool = False) -> None:
    """Apply migrations that shard each table of tenants when it gets its policy.

    With `early` a foreign key is added before that, to the table of roles.
    """
    shutil.copytree(MIGRATIONS, folder)
    isolate = folder / "0004_isolate_tenants.sql"
    isolate.write_text(sharding(isolate.read_text()))
    roles = folder / "0007_create_roles.sql"
    parts = roles.read_text().partition("call authority.isolate_tenants(")
    key = (
        "alter table authority.role_permissions add constraint early_fk foreign key "
        "(tenant_id, role_id) references authority.roles (tenant_id, id);\n"
    )
    roles.write_text(f"{parts[0]}{key if early else ''}{''.join(parts[1:])}")
    migrate(conninfo, folders=[folder])


@pytest.mark.one_version
def test_the_migrations_apply_while_each_table_is_sharded_before_its_foreign_keys(
    blank_conninfo: str, dba: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    migrate_sharding(blank_conninfo, tmp_path / "migrations")
    with psycopg.connect(blank_conninfo) as connection:
        sharded = partitioned_tables(connection)
        made = connection.execute(_MADE).fetchall()
    expected = dba.execute(_MADE).fetchall()
    assert sharded == [name for name, *_ in expected]
    assert list(map(without_keys, made)) == list(map(without_keys, expected))


def test_a_foreign_key_before_the_policy_is_refused(
    blank_conninfo: str, tmp_path: Path
) -> None:
    with pytest.raises(MigrationError, match="other objects depend on it"):
        migrate_sharding(blank_conninfo, tmp_path / "migrations", early=True)


def test_a_key_without_the_tenant_is_refused(
    conninfo: str, blank_conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    dba.execute(
        "alter table authority.tokens "
        "add constraint tokens_token_hash_key unique (token_hash)"
    )
    with (
        psycopg.connect(blank_conninfo) as connection,
        pytest.raises(psycopg.errors.FeatureNotSupported, match="unique constraint"),
    ):
        create_shadow(connection, dump_schema(conninfo))


@pytest.mark.parametrize("query", TENANT_QUERIES, ids=full_name)
def test_a_query_of_a_tenant_touches_one_partition(
    query: Query, shadow: Shadow
) -> None:
    seen = [shadow.touched(query, mode) for mode in MODES]
    assert [beyond for _, beyond in seen] == [[], []]
    custom, generic = (touched.tables for touched, _ in seen)
    assert custom == generic, "values that contradict the query show nothing"
    assert bool(custom) == (full_name(query) not in NO_SHARDS)


@pytest.mark.parametrize(
    "query",
    [query for query in TENANT_QUERIES if _PREDICATE.search(query.sql)],
    ids=full_name,
)
def test_a_query_that_forgets_its_tenant_is_found(query: Query, shadow: Shadow) -> None:
    for forgetful in without_predicate(query):
        # A custom plan omits a branch for a null argument.
        assert any(shadow.touched(forgetful, mode)[1] for mode in MODES), forgetful.sql


def work(connection: "psycopg.Connection[Any]") -> set[tuple[str, int]]:
    """Return how often each table was scanned or written."""
    connection.execute("select pg_stat_force_next_flush()")
    connection.execute("select")
    return set(
        connection.execute(
            """
            select
                pg_stat_user_tables.relname,
                seq_scan + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del
            from pg_stat_user_tables
            where pg_stat_user_tables.schemaname = 'authority'
            """
        )
    )


def test_a_tenants_whole_life_stays_in_one_partition_of_each_table(
    shadow: Shadow,
) -> None:
    with psycopg.connect(shadow.dba) as connection:
        connection.execute(
            "insert into authority.permissions (name, description) "
            "values ('users:read', 'See users.')"
        )
    with psycopg.connect(shadow.logins["authority_maintenance"]) as connection:
        tenant = Store(connection).tenants.create(code="acme", display_name="Acme")
    with (
        psycopg.connect(shadow.logins["authority_app"], autocommit=True) as connection,
        Store.unit(connection, tenant.id, autocommit=True) as store,
    ):
        before = work(connection)
        live(store, tenant.id)
        number = partition_number(connection, tenant.id)
        touched = {table for table, _ in work(connection) - before}
        names = touched & shadow.tables.keys()
    # Operators write the chains, for all tenants.
    tables = {*shadow.tables.values()} - {"audit_chains"}
    assert names == {f"{table}_{number}" for table in tables}
