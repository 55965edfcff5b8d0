"""Loads values the same way, whatever the session or its connection has set.

Results are in PostgreSQL's binary format. The text format depends on DateStyle,
TimeZone, IntervalStyle, bytea_output and extra_float_digits. The elements of a list are
sent as text, which must not depend on settings either.
"""

from contextlib import suppress
from typing import Final, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzBinaryLoader
from psycopg.types.string import BytesBinaryDumper, TextBinaryLoader

from authority_queries.engine.direct_connections import AnyConnection
from authority_queries.engine.errors import StaleModuleError

_UNKNOWN: Final = 0
_MOMENT: Final = psycopg.adapters.types["timestamptz"].oid
_LOAD_MOMENT: Final = cast(
    "type[Loader]", psycopg.adapters.get_loader(_MOMENT, Format.BINARY)
)

# By connection: each has composite types of its own.
_adapters: Final[WeakKeyDictionary[AnyConnection, AdaptersMap]] = WeakKeyDictionary()


def adapters_of(connection: AnyConnection) -> AdaptersMap:
    """Return the adapters of our statements on this connection."""
    adapters = _adapters.get(connection)
    if adapters is None:
        adapters = AdaptersMap(psycopg.adapters)
        adapters.register_loader(_MOMENT, _UtcLoader)
        adapters.register_loader(_UNKNOWN, _TextLoader)
        for name in ("macaddr", "macaddr8"):
            adapters.register_loader(name, _MacLoader)
        adapters.register_dumper(bytes, _OctetsDumper)
        adapters.register_dumper(bytes, BytesBinaryDumper)  # preferred, but in a list
        _adapters[connection] = adapters
    return adapters


class _OctetsDumper(Dumper):
    """Dumps octets as text.

    psycopg's own dumper doubles the backslash if the session has
    standard_conforming_strings off, as in a literal, and the value becomes another one.
    """

    oid = psycopg.adapters.types["bytea"].oid

    def dump(self, obj: bytes) -> bytes:
        """Return the hexadecimal form, which each session reads in the same way."""
        return b"\\x" + obj.hex().encode("ascii")


class _UtcLoader(TimestamptzBinaryLoader):
    """Loads a timestamptz in UTC, by psycopg's loader without a connection's zone.

    That loader is written in C and cannot be subclassed.
    """

    format = Format.BINARY

    def __new__(  # type: ignore[misc] # -- because psycopg calls the class
        cls, oid: int, _context: AdaptContext | None = None
    ) -> Loader:
        return _LOAD_MOMENT(oid)


class _TextLoader(TextBinaryLoader):
    """Loads types that PostgreSQL sends as text in both formats: enums, citext."""

    def load(self, data: Buffer) -> str | bytes:
        """Return the text. Raises StaleModuleError for octets that are no text."""
        with suppress(UnicodeDecodeError):
            if b"\0" not in bytes(data):
                return super().load(data)
        message = "the module does not know a column's type: run authority generate"
        raise StaleModuleError(message)


class _MacLoader(Loader):
    """Loads a macaddr or macaddr8 in PostgreSQL's notation."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        """Return it."""
        return bytes(data).hex(":")
