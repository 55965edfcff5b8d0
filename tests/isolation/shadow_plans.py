"""The partitions of the shadow that PostgreSQL would read or write for a query."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast
from uuid import UUID

import psycopg
from psycopg.rows import scalar_row
from psycopg.sql import SQL
from psycopg.sql import Literal as Constant

from authority_queries.codegen.plans.explained import RawNode, walk
from authority_queries.codegen.query import Query
from authority_queries.codegen.sent import Statement, statement_of

# With the values of the parameters written in, or without knowledge of them.
PlanMode = Literal["force_custom_plan", "force_generic_plan"]
MODES: Final[tuple[PlanMode, ...]] = ("force_custom_plan", "force_generic_plan")

# A value of each type: none is null, and none contradicts a check, because a custom
# plan would then read nothing at all and show nothing.
_VALUES: Final[Mapping[str, object]] = {
    "bigint": 1,
    "bigint[]": [1],
    "boolean": True,
    "bytea": b"\x00" * 32,
    "bytea[]": [b"\x00" * 32],
    "date": "2026-01-01",
    "inet": "192.0.2.1",
    "integer": 1,
    "interval": "1 hour",
    "jsonb": "{}",
    "text": "example",
    "text[]": ["example"],
    "timestamp with time zone": "2026-01-01T00:00:00Z",
    "uuid": UUID(int=1),
    "uuid[]": [UUID(int=1)],
}
_VALUES_BY_NAME: Final[Mapping[str, object]] = {
    "actor_kind": "user",
    "alg": "ES256",
    "before": "z",
    "below": "z",
    "category": "token",
    "first": "a",
    "from_period": "2025-01-01",
    "notice_status": "waiting",
    "purpose": "sign_in",
    "rows": "[]",
    "status": "active",
    "type": "authorization_code",
}


@dataclass(frozen=True, slots=True)
class Touched:
    """The partitioned tables of a plan, and their partitions.

    An inserted row finds its partition at run time, so its table has none here.
    """

    partitions: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def tables(self) -> frozenset[str]:
        return frozenset(self.partitions)

    def beyond(self, number: int) -> list[str]:
        """Return the partitions other than those with this number, in order."""
        return sorted(
            partition
            for table, partitions in self.partitions.items()
            for partition in partitions
            if partition != f"{table}_{number}"
        )


def touched_by(
    connection: "psycopg.Connection[Any]",
    query: Query,
    tenant_id: UUID,
    *,
    mode: PlanMode,
    tables: Mapping[str, str],
) -> Touched:
    """Plan the query for a tenant. `tables` maps partitions to their tables.

    EXPLAIN omits the partitions that a plan never reads, and those that the parameters
    exclude.
    """
    statement = statement_of(query)
    with connection.transaction(force_rollback=True):
        connection.execute(SQL("set local plan_cache_mode = {}").format(mode))
        connection.execute(b"prepare shadow_query as " + statement.text.encode())
        try:
            plan = _explain_prepared(connection, statement, tenant_id)
        finally:
            connection.execute("deallocate shadow_query")
    # A generic update names all partitions that it might write to, and scans one.
    with_targets = mode == "force_custom_plan"
    found: dict[str, set[str]] = defaultdict(set)
    for name in _relations(plan, with_targets=with_targets):
        table = tables.get(name, name)
        found[table] |= {name} - {table}
    sharded = set(tables.values())
    return Touched({name: frozenset(found[name]) for name in found if name in sharded})


def _explain_prepared(
    connection: "psycopg.Connection[Any]", statement: Statement, tenant_id: UUID
) -> RawNode:
    with connection.cursor(row_factory=scalar_row) as cursor:
        cursor.execute(
            "select parameter_types::text[] from pg_prepared_statements "
            "where name = 'shadow_query'"
        )
        known = {**_VALUES_BY_NAME, "tenant_id": tenant_id}
        values = [
            Constant(known.get(name, _VALUES[type_]))
            for name, type_ in zip(
                statement.parameters, cursor.fetchone() or (), strict=True
            )
        ]
        cursor.execute(
            SQL("explain (verbose, format json) execute shadow_query ({})").format(
                SQL(", ").join(values)
            )
        )
        ((explained,),) = cursor
    return cast("Mapping[str, RawNode]", explained)["Plan"]


def _relations(plan: RawNode, *, with_targets: bool) -> Iterator[str]:
    """Yield the tables and partitions that are scanned or written to."""
    for node in walk(plan):
        targets = cast("list[RawNode]", node.get("Target Tables", []))
        name = node.get("Relation Name")
        if node.get("Node Type") == "ModifyTable":
            is_insert = node.get("Operation") == "Insert"
            written = [name] if name else [each["Relation Name"] for each in targets]
            yield from map(str, written if with_targets or is_insert else ())
        elif name:
            yield str(name)
