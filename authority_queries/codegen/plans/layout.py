"""What the catalogue says of tables that a plan does not: partitions and tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from authority_queries.codegen.catalogue_file import CatalogueFile

CATALOGUE: Final = CatalogueFile(Path(__file__).with_name("plans.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLayout:
    """Tables and indexes by schema and name.

    `partitions` gives for a partition, or an index of one, what it is a part of.
    `tenant_columns` gives for a table the column that says whose a row is.
    """

    partitions: Mapping[str, str]
    tenant_columns: Mapping[str, str]


def read_layout(
    connection: psycopg.Connection[object], tenant_column: str | None
) -> PlanLayout:
    """Read the catalogue. Without a tenant column no table belongs to tenants.

    The table that the columns of this name refer to belongs to tenants too, by the
    column that is referred to.
    """
    return PlanLayout(
        partitions={
            f"{row.schema_name}.{row.name}": f"{row.schema_name}.{row.root_name}"
            for row in CATALOGUE.rows(connection, "list_partitions")
        },
        tenant_columns={
            f"{row.schema_name}.{row.table_name}": row.column_name
            for row in CATALOGUE.rows(
                connection, "list_tenant_columns", tenant_column=tenant_column
            )
        },
    )
