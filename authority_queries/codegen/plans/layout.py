"""Facts of tables that plans lack, from the catalogue: partitions and tenants."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from authority_queries.codegen.catalogue_file import CatalogueFile
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.plans.condition_text import (
    clauses_of,
    sides_of,
    source_of,
    subqueries_of,
)
from authority_queries.codegen.plans.explained import explain

CATALOGUE: Final = CatalogueFile(Path(__file__).with_name("plans.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLayout:
    """Tables and indexes by schema and name.

    `partitions` maps a partition, or an index of one, to its root.
    `tenant_columns` maps a table to the column with a row's tenant.
    `session_tenants` are the expressions that policies of row-level security compare
    this column with, in a subquery of its own or not, as EXPLAIN prints them.
    `apart` are statements that put each of the latter into a subquery. Without one,
    PostgreSQL takes the tenant that a query names at one table for the tenant of the
    others.
    """

    partitions: Mapping[str, str]
    tenant_columns: Mapping[str, str]
    session_tenants: frozenset[str]
    apart: tuple[str, ...]


def read_layout(
    connection: psycopg.Connection[object], tenant_column: str | None
) -> PlanLayout:
    """Read the catalogue. Without a tenant column no table belongs to tenants.

    A table that these columns reference belongs to tenants too, by the referenced
    column.
    """
    tenant_columns = {
        f"{row.schema_name}.{row.table_name}": row.column_name
        for row in CATALOGUE.rows(
            connection, "list_tenant_columns", tenant_column=tenant_column
        )
    }
    policies = _policies(connection, tenant_columns)
    return PlanLayout(
        partitions={
            f"{row.schema_name}.{row.name}": f"{row.schema_name}.{row.root_name}"
            for row in CATALOGUE.rows(connection, "list_partitions")
        },
        tenant_columns=tenant_columns,
        session_tenants=frozenset(
            output
            for policy in policies
            for query in policy.queries
            for output in _value(connection, query, policy.table)
        ),
        apart=tuple(policy.alteration for policy in policies if policy.alteration),
    )


@dataclass(frozen=True, slots=True)
class _Policy:
    """A clause of a policy that names the tenant: what to explain, what to alter."""

    table: str
    queries: Sequence[str]
    alteration: str | None = None


def _policies(
    connection: psycopg.Connection[object], tenant_columns: Mapping[str, str]
) -> list[_Policy]:
    found = []
    for row in CATALOGUE.rows_in_session(connection, "list_policy_conditions"):
        table = f"{row.schema_name}.{row.table_name}"
        column = tenant_columns.get(table, "")
        for clause in clauses_of(row.condition):
            sides = sides_of(clause)
            if column in map(source_of, sides):
                found.append(_Policy(table, list(subqueries_of(clause))))
                # A call, at least: the text of a constant is in many expressions.
                for side in sides if not found[-1].queries else ():
                    if "(" in side:
                        condition = row.condition.replace(side, f"(select {side})")
                        alteration = f"{row.alteration} ({condition})"
                        found.append(_Policy(table, [f"select {side}"], alteration))
    return found


def _value(
    connection: psycopg.Connection[object], subquery: str, table: str
) -> Iterator[str]:
    """Return what a query without tables computes, in the words of EXPLAIN."""
    try:
        plan = explain(connection, subquery)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return  # It is about the row that the policy is asked for.
    except psycopg.Error as error:
        said = error.diag.message_primary
        message = f"a policy of {table}: PostgreSQL says: {said}"
        raise GenerationError(message) from error
    match plan:
        case {"Node Type": "Result", "Output": [output]}:
            yield str(output)
