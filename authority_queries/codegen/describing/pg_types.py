"""PostgreSQL's types and the columns of tables, from the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from psycopg import Connection

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.catalogue_file import CatalogueFile
from authority_queries.codegen.facts import Column, Fact

Kind = Literal["base", "array", "enum", "domain", "composite", "range", "multirange"]

_FIRST_OWN_OID: Final = 16_384
_QUERIES: Final = Path(__file__).with_name("pg_types.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class PgType:
    """A type of PostgreSQL's.

    `element` is the oid of the type of an array's elements, a domain's base, a range's
    bounds, or a multirange's ranges. `array_type` is the oid of its
    arrays' type. `labels` are those of an enum, and the fields those of a composite
    type.
    """

    oid: int
    schema: str
    name: str
    extension: str | None
    kind: Kind
    element: int
    array_type: int
    labels: Sequence[str]
    field_names: Sequence[str]
    field_comments: Sequence[str]
    field_types: Sequence[int]

    @property
    def is_builtin(self) -> bool:
        """Whether every database has it, and psycopg knows its oid."""
        return self.schema == "pg_catalog" and self.oid < _FIRST_OWN_OID

    @property
    def is_citext(self) -> bool:
        """Whether it is the type of the extension citext."""
        return self.name == self.extension == "citext"

    @property
    def full_name(self) -> str:
        """The name in errors."""
        return self.name if self.is_builtin else f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> str:
        """The name in SQL, quoted as needed, without pg_catalog."""
        name = identifier(self.name)
        return name if self.is_builtin else f"{identifier(self.schema)}.{name}"


def identifier(name: str) -> str:
    """Quote a name for SQL if it is not plain."""
    is_plain = name.isidentifier() and name.isascii() and name == name.lower()
    return name if is_plain else '"' + name.replace('"', '""') + '"'


class PgTypes:
    """The types of one database, each read once."""

    def __init__(self, connection: Connection[object]) -> None:
        self._connection = connection
        self._file = CatalogueFile(_QUERIES)
        self._catalogue = Catalogue(connection)
        self._types: dict[int, PgType] = {}

    def type(self, oid: int) -> PgType:
        """Return the type with this oid."""
        if oid not in self._types:
            found = self._file.rows(self._connection, "get_type", oid=oid)
            if not found:
                message = f"the catalogue has no type with oid {oid}"
                raise LookupError(message)
            self._types[oid] = PgType(**found[0]._asdict())
        return self._types[oid]

    def columns_of_table(self, table: str) -> dict[str, Column]:
        """Return the columns that can be written; none if there is no such table.

        A column is nullable here when it accepts a null.
        """
        (found,) = self._file.rows_in_session(
            self._connection, "find_table", table_name=table
        )
        return {
            row.name: Column(
                name=row.name,
                type_oid=row.type_oid,
                fact=self._written(found.oid, row.number),
            )
            for row in self._file.rows(
                self._connection, "list_columns", relation=found.oid
            )
        }

    def _written(self, relation: int, number: int) -> Fact:
        known = self._catalogue.column(relation, number, with_children=False)
        takes_null = self._catalogue.takes_null(relation, number)
        return replace(known, nullable=takes_null)
