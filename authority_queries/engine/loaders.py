"""How values are read: alike, whatever the session or its connection has set.

Results come in PostgreSQL's binary format. Text would depend on DateStyle, TimeZone,
IntervalStyle, bytea_output and extra_float_digits.
"""

from contextlib import suppress
from typing import Final, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzBinaryLoader
from psycopg.types.string import TextBinaryLoader

from authority_queries.engine.direct_connections import AnyConnection
from authority_queries.engine.errors import StaleModuleError

_UNKNOWN: Final = 0
_MOMENT: Final = psycopg.adapters.types["timestamptz"].oid
_LOAD_MOMENT: Final = cast(
    "type[Loader]", psycopg.adapters.get_loader(_MOMENT, Format.BINARY)
)

# By connection, as composite types and the like are looked up for each.
_adapters: Final[WeakKeyDictionary[AnyConnection, AdaptersMap]] = WeakKeyDictionary()


def adapters_of(connection: AnyConnection) -> AdaptersMap:
    """Give what statements on this connection are read and sent by."""
    adapters = _adapters.get(connection)
    if adapters is None:
        adapters = AdaptersMap(psycopg.adapters)
        adapters.register_loader(_MOMENT, _UtcLoader)
        adapters.register_loader(_UNKNOWN, _TextLoader)
        for name in ("macaddr", "macaddr8"):
            adapters.register_loader(name, _MacLoader)
        _adapters[connection] = adapters
    return adapters


class _UtcLoader(TimestamptzBinaryLoader):
    """Reads a timestamptz in UTC: psycopg's own loader, without its connection's zone.

    It is written in C, and allows no subclass.
    """

    format = Format.BINARY

    def __new__(  # type: ignore[misc] # -- because psycopg calls the class
        cls, oid: int, _context: AdaptContext | None = None
    ) -> Loader:
        return _LOAD_MOMENT(oid)


class _TextLoader(TextBinaryLoader):
    """Reads what PostgreSQL sends as text in both formats: enums, citext."""

    def load(self, data: Buffer) -> str | bytes:
        """Read it. Raises StaleModuleError for what is surely no text."""
        with suppress(UnicodeDecodeError):
            if b"\0" not in bytes(data):
                return super().load(data)
        message = "a column is of a type that its module does not know: generate again"
        raise StaleModuleError(message)


class _MacLoader(Loader):
    """Reads a macaddr or macaddr8 as PostgreSQL writes it."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        """Read it."""
        return bytes(data).hex(":")
