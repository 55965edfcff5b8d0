"""What PostgreSQL's catalogue says of types, and of the columns of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from psycopg import Connection
from psycopg.rows import class_row

from authority_queries.codegen.model import Column, Fact

Kind = Literal["base", "array", "enum", "domain", "composite", "range", "multirange"]

_TYPE: Final = """
select
    t.oid::int8 as oid,
    n.nspname as schema,
    t.typname as name,
    case
        when e.typarray = t.oid then 'array'
        when t.typtype = 'e' then 'enum'
        when t.typtype = 'd' then 'domain'
        when t.typtype = 'c' then 'composite'
        when t.typtype = 'r' then 'range'
        when t.typtype = 'm' then 'multirange'
        else 'base'
    end as kind,
    case t.typtype
        when 'd' then t.typbasetype
        when 'r' then r.rngsubtype
        when 'm' then r.rngtypid
        else t.typelem
    end::int8 as element,
    array(
        select l.enumlabel::text from pg_catalog.pg_enum as l
        where l.enumtypid = t.oid order by l.enumsortorder
    ) as labels,
    array(
        select a.attname::text from pg_catalog.pg_attribute as a
        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    ) as field_names,
    array(
        select a.atttypid::int8 from pg_catalog.pg_attribute as a
        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    ) as field_types
from pg_catalog.pg_type as t
inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
left join pg_catalog.pg_type as e on e.oid = t.typelem
left join pg_catalog.pg_range as r on t.oid in (r.rngtypid, r.rngmultitypid)
where t.oid = %(oid)s::int8::oid
"""
_TABLE_COLUMNS: Final = """
select
    a.attname as name,
    a.atttypid::int8 as type_oid,
    a.attnotnull as is_required
from pg_catalog.pg_attribute as a
where
    a.attrelid = pg_catalog.to_regclass(%(table)s)
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PgType:
    """A type of PostgreSQL's.

    `element` is the oid of what it is made of: an array's elements, a domain's base,
    a range's bounds, a multirange's ranges. `labels` are an enum's, the fields a
    composite's.
    """

    oid: int
    schema: str
    name: str
    kind: Kind
    element: int
    labels: Sequence[str]
    field_names: Sequence[str]
    field_types: Sequence[int]

    @property
    def is_builtin(self) -> bool:
        """Whether every database has it, and psycopg knows its oid."""
        return self.schema == "pg_catalog"

    @property
    def full_name(self) -> str:
        """The name as errors have it."""
        return self.name if self.is_builtin else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class _TableColumn:
    name: str
    type_oid: int
    is_required: bool


class PgTypes:
    """The types of one database, each read once."""

    def __init__(self, connection: Connection[object]) -> None:
        self._connection = connection
        self._types: dict[int, PgType] = {}

    def type(self, oid: int) -> PgType:
        """Give the type with this oid."""
        if oid not in self._types:
            with self._connection.cursor(row_factory=class_row(PgType)) as cursor:
                found = cursor.execute(_TYPE, {"oid": oid}).fetchone()
            if found is None:
                message = f"the catalogue has no type with oid {oid}"
                raise LookupError(message)
            self._types[oid] = found
        return self._types[oid]

    def columns_of_table(self, table: str) -> dict[str, Column]:
        """Give the columns that can be written; none if there is no such table."""
        with self._connection.cursor(row_factory=class_row(_TableColumn)) as cursor:
            rows = cursor.execute(_TABLE_COLUMNS, {"table": table}).fetchall()
        return {
            row.name: Column(
                name=row.name,
                type_oid=row.type_oid,
                fact=Fact(nullable=not row.is_required),
            )
            for row in rows
        }
