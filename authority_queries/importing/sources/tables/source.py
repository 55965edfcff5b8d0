"""A source whose collections are tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Collection, Document
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.fields import Fields, document_of
from authority_queries.importing.sources.tables.database import Database, Row, Table

Pages: TypeAlias = Callable[[JsonValue], Iterator[Sequence[Row]]]
Convert: TypeAlias = Callable[[Sequence[Row]], Iterator[Document]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a collection is read: its batches after a position, and their documents."""

    name: str
    estimated: int | None
    pages: Pages
    convert: Convert


class TablesSource:
    """Tables of another application, in one snapshot of its database."""

    def __init__(
        self, kind: str, database: Database, readings: Sequence[Reading]
    ) -> None:
        self._kind = kind
        self._database = database
        self._readings = {reading.name: reading for reading in readings}

    @property
    def name(self) -> str:
        """The kind of the source, and the host and name of the database."""
        return f"{self._kind} {self._database.place}"

    def collections(self) -> Sequence[Collection]:
        """Return the tables, each after those that it refers to."""
        return [
            Collection(name=reading.name, estimated=reading.estimated)
            for reading in self._readings.values()
        ]

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        """Yield the documents of a table in the order of its key."""
        if collection not in self._readings:
            message = f"the source has no collection {collection}"
            raise SourceError(message)
        reading = self._readings[collection]
        for rows in reading.pages(after):
            yield from reading.convert(rows)

    def close(self) -> None:
        """End the snapshot and its connection."""
        self._database.close()


def by_key(
    database: Database, table: Table, convert: Convert, *, key: str = "id"
) -> Reading:
    """Return the reading of a table in the order of one column."""

    def pages(after: JsonValue) -> Iterator[Sequence[Row]]:
        identifiers = {"documents": table.identifier, "key": table.column(key)}
        yield from database.batches("documents", identifiers, after=after)

    return Reading(
        name=table.name, estimated=table.estimated, pages=pages, convert=convert
    )


def document_of_row(
    row: Row,
    convert: Callable[[Fields], Iterable[AnyEntry]],
    lists: Mapping[str, object] | None = None,
) -> Document:
    """Convert a row, with lists of related rows. Its key is its position."""
    fields = Fields({**(lists or {}), **row["document"]})
    return document_of(fields, convert, key=row["key"], position=row["key"])


def tenant_of(options: SourceOptions, kind: str) -> str:
    """Return the tenant of the documents. Raises ConfigurationError if it is missing.

    These stores do not record when a row changed, so they cannot read from a time on.
    """
    if options.since is not None:
        message = (
            f"{kind} does not record every change of a row, so --since would lose "
            "some: use --update"
        )
        raise ConfigurationError(message)
    if options.tenant is None:
        message = f"{kind} has no tenants: name the tenant of its rows with --tenant"
        raise ConfigurationError(message)
    return options.tenant
