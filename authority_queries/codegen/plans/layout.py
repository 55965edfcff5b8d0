"""Facts of tables that plans lack, from the catalogue: partitions and tenants."""

from collections.abc import Iterator, Mapping
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
    this column with, in a subquery of its own, as EXPLAIN prints them.
    """

    partitions: Mapping[str, str]
    tenant_columns: Mapping[str, str]
    session_tenants: frozenset[str]


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
    return PlanLayout(
        partitions={
            f"{row.schema_name}.{row.name}": f"{row.schema_name}.{row.root_name}"
            for row in CATALOGUE.rows(connection, "list_partitions")
        },
        tenant_columns=tenant_columns,
        session_tenants=frozenset(_session_tenants(connection, tenant_columns)),
    )


def _session_tenants(
    connection: psycopg.Connection[object], tenant_columns: Mapping[str, str]
) -> Iterator[str]:
    for row in CATALOGUE.rows_in_session(connection, "list_policy_conditions"):
        table = f"{row.schema_name}.{row.table_name}"
        for clause in clauses_of(row.condition):
            sides = [source_of(side) for side in sides_of(clause)]
            if tenant_columns.get(table) in sides:
                for subquery in subqueries_of(clause):
                    yield from _value(connection, subquery, table)


def _value(
    connection: psycopg.Connection[object], subquery: str, table: str
) -> Iterator[str]:
    """Return what a subquery without tables computes, in the words of EXPLAIN."""
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
