"""Reads raw documents of MongoDB, wherever they are.

A location is a URL (`mongodb://…/database`), a folder of `mongodump`, or files of
`mongoexport`. Its option `uuidRepresentation` names the driver that wrote UUIDs of
binary subtype 3: `csharpLegacy` (the default), `javaLegacy` or `pythonLegacy`. UUIDs of
subtype 4 need none.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeAlias

from pydantic import JsonValue, SecretStr

from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Collection

# A document as Python has it: ObjectId, UUID, datetime in UTC, bytes, dict, list, …
RawDocument: TypeAlias = dict[str, object]

_SCHEMES: Final = ("mongodb://", "mongodb+srv://")


class RawReader(Protocol):
    """Where raw documents are. Its methods raise SourceError."""

    @property
    def name(self) -> str:
        """Where the documents are, without a password."""

    def collections(self) -> Sequence[Collection]:
        """Return the collections, by name. Those of MongoDB itself are left out."""

    def read(
        self, collection: str, *, after: JsonValue = None, only: Sequence[str] = ()
    ) -> Iterator[tuple[JsonValue, RawDocument]]:
        """Yield each document with the position after it, in a stable order.

        Starts after the position `after`. A live collection is read in the order of
        `_id`, a file in its own order. A server sends `only` these fields, if some are
        named; files have all.
        """

    def close(self) -> None:
        """Close connections."""


def open_reader(location: SecretStr) -> RawReader:
    """Open a reader of this location. Raises ConfigurationError, SourceError."""
    text = location.get_secret_value()
    try:
        from authority_queries.importing.sources.mongodb.reading import (  # noqa: PLC0415 -- pymongo may not be installed
            live,
            paths,
        )
    except ModuleNotFoundError as error:
        if error.name not in ("bson", "pymongo"):
            raise
        message = "install authority-queries[mongodb] to read documents of MongoDB"
        raise ConfigurationError(message) from None
    if text.startswith(_SCHEMES):
        return live.open_server(text)
    return paths.open_path(text)
