"""The schema that queries are drawn for, read from the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import psycopg

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

_HERE: Final = Path(__file__).parent
# Short names, as templates use them, and what SQL calls the types.
TYPES: Final = {
    "int": "integer",
    "bigint": "bigint",
    "numeric": "numeric",
    "float": "double precision",
    "text": "text",
    "bool": "boolean",
    "timestamptz": "timestamp with time zone",
    "date": "date",
    "interval": "interval",
    "jsonb": "jsonb",
    "texts": "text[]",
    "ints": "integer[]",
    "uuid": "uuid",
    "mood": "fuzz.mood",
}
_SHORT: Final = {sql: short for short, sql in TYPES.items()}
_RELATIONS: Final = """
select c.oid::regclass::text, c.relkind::text, c.relispartition, a.attname,
    format_type(case t.typtype when 'd' then t.typbasetype else t.oid end, null),
    format_type(t.oid, null), a.attnotnull, a.attgenerated::text <> '',
    (select f.confrelid::regclass::text from pg_constraint as f
        where f.conrelid = c.oid and f.contype = 'f' and a.attnum = any (f.conkey)),
    coalesce((select a.attnum = any (i.indkey) from pg_index as i
        where i.indrelid = c.oid and i.indisprimary), false)
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid
join pg_type as t on t.oid = a.atttypid
where c.relnamespace = 'fuzz'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
    and a.attnum > 0 and not a.attisdropped
order by c.oid, a.attnum
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a relation: `type` is short, `declared` may name a domain."""

    name: str
    type: str
    declared: str
    not_null: bool
    generated: bool
    references: str | None
    in_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or view: `name` with its schema, `kind` and `partition` of pg_class."""

    name: str
    kind: str
    partition: bool
    columns: tuple[Column, ...]

    @property
    def is_table(self) -> bool:
        return self.kind in {"r", "p"}

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return tuple(column.name for column in self.columns if column.in_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A server with the schema: `oids` of the short types, `not_null` by attribute.

    `arrays` are the oids of all types of arrays.
    """

    version: int
    relations: tuple[Relation, ...]
    oids: Mapping[str, int]
    arrays: frozenset[int]
    not_null: Mapping[tuple[int, int], bool]

    @property
    def tables(self) -> tuple[Relation, ...]:
        return tuple(relation for relation in self.relations if relation.is_table)


def create_schema(connection: Connection) -> None:
    """Create the schema, with the objects that only this server's version allows."""
    modern = connection.info.server_version >= 180000
    for name in ("schema.sql", "schema_18.sql" if modern else "schema_15.sql"):
        connection.execute((_HERE / name).read_bytes())


def read_world(connection: Connection) -> World:
    attributes = connection.execute(
        "select attrelid::int8, attnum::int, attnotnull from pg_attribute"
    ).fetchall()
    return World(
        version=connection.info.server_version // 10000,
        relations=_read_relations(connection),
        oids={short: _oid(connection, sql) for short, sql in TYPES.items()},
        arrays=frozenset(
            int(str(oid))
            for (oid,) in connection.execute(
                "select oid::int8 from pg_type where typcategory = 'A'"
            )
        ),
        not_null={
            (int(str(relation)), int(str(number))): bool(not_null)
            for relation, number, not_null in attributes
        },
    )


def _oid(connection: Connection, name: str) -> int:
    row = connection.execute("select %s::regtype::oid::int8", [name]).fetchone()
    assert row is not None
    return int(str(row[0]))


def _read_relations(connection: Connection) -> tuple[Relation, ...]:
    found: dict[tuple[str, str, bool], list[Column]] = {}
    for row in connection.execute(_RELATIONS):
        name, kind, partition, column, base, declared, *flags = row
        not_null, generated, references, in_key = flags
        found.setdefault((str(name), str(kind), bool(partition)), []).append(
            Column(
                name=str(column),
                type=_SHORT[str(base)],
                declared=str(declared),
                not_null=bool(not_null),
                generated=bool(generated),
                references=str(references) if references else None,
                in_key=bool(in_key),
            )
        )
    return tuple(
        Relation(name=name, kind=kind, partition=partition, columns=tuple(columns))
        for (name, kind, partition), columns in found.items()
    )
