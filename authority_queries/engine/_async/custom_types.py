"""Registers a schema's own types on a connection."""

from collections.abc import Mapping
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import AdaptersMap
from psycopg.pq import Format
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo, register_composite

from authority_queries.engine._async.cursors import AsyncOwnCursor
from authority_queries.engine._async.pooler_detection import look
from authority_queries.engine.direct_connections import is_direct
from authority_queries.engine.errors import StaleModuleError
from authority_queries.engine.exchanges import forget_exchanges
from authority_queries.engine.loaders import adapters_of

# The types that each connection knows, of all query files.
_learnt: Final[WeakKeyDictionary[AsyncConnection[object], set[str]]] = (
    WeakKeyDictionary()
)
Info = TypeVar("Info", bound=TypeInfo)


class AsyncCustomTypes:
    """The types that the queries of one file need beyond psycopg's own.

    A type's name maps to a named tuple for a composite type, to the name of the base
    type for a domain, and to None for an enum.
    """

    def __init__(self, kinds: Mapping[str, type | str | None]) -> None:
        self._kinds = dict(kinds)

    def __bool__(self) -> bool:
        return bool(self._kinds)

    async def learn(self, connection: AsyncConnection[object]) -> None:
        """Look the types up and register them, once for a connection.

        Raises StaleModuleError for a type that the database does not have.
        """
        known = _learnt.setdefault(connection, set())
        if not known and is_direct(connection) is None:
            # psycopg looks types up by a statement that it would prepare.
            await look(connection)
        new = {name: kind for name, kind in self._kinds.items() if name not in known}
        oids = {
            name: await _register(connection, name, kind) for name, kind in new.items()
        }
        # When all are registered: a domain can be over an array or a composite of them.
        for name, kind in new.items():
            if isinstance(kind, str):
                base = await _oid(connection, kind)
                _read_as(adapters_of(connection), oids[name], base)
        if new:
            forget_exchanges(connection)
        known.update(new)


async def _register(
    connection: AsyncConnection[object], name: str, kind: type | str | None
) -> int:
    cursor = AsyncOwnCursor(connection)
    if isinstance(kind, type):
        composite = _found(name, await CompositeInfo.fetch(connection, name))
        register_composite(composite, cursor, kind)
        return composite.oid
    info = _found(name, await TypeInfo.fetch(connection, name))
    info.register(cursor)
    return info.oid


def _found(name: str, info: Info | None) -> Info:
    if info is None:
        message = f"the database has no type {name}: migrate, or run authority generate"
        raise StaleModuleError(message)
    return info


async def _oid(connection: AsyncConnection[object], name: str) -> int:
    """Return the oid of a type. PostgreSQL's own types have no schema in their names.

    Raises StaleModuleError.
    """
    if "." not in name:
        return psycopg.adapters.types.get_oid(name)
    return _found(name, await TypeInfo.fetch(connection, name)).oid


def _read_as(adapters: AdaptersMap, domain: int, base: int) -> None:
    """Read a domain as the type below it, where PostgreSQL sends the domain's oid.

    PostgreSQL does so inside arrays and composite values.
    """
    for form in (Format.TEXT, Format.BINARY):
        loader = adapters.get_loader(base, form)
        if loader is not None:
            adapters.register_loader(domain, loader)
