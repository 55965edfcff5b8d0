"""Registers a schema's own types on a connection."""

from collections.abc import Mapping
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection
from psycopg.adapt import AdaptersMap
from psycopg.pq import Format
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo, register_composite

from authority_queries.engine._async.cursors import AsyncOwnCursor
from authority_queries.engine._async.pooler_detection import look
from authority_queries.engine.direct_connections import is_direct
from authority_queries.engine.errors import StaleModuleError
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
        for name, kind in self._kinds.items():
            if name not in known:
                await _register(connection, name, kind)
                known.add(name)


async def _register(
    connection: AsyncConnection[object], name: str, kind: type | str | None
) -> None:
    if isinstance(kind, type):
        composite = await CompositeInfo.fetch(connection, name)
        register_composite(_found(name, composite), AsyncOwnCursor(connection), kind)
        return
    info = _found(name, await TypeInfo.fetch(connection, name))
    info.register(AsyncOwnCursor(connection))
    if kind is not None:
        _read_as(adapters_of(connection), info, kind)


def _found(name: str, info: Info | None) -> Info:
    if info is None:
        message = f"the database has no type {name}: migrate, or run authority generate"
        raise StaleModuleError(message)
    return info


def _read_as(adapters: AdaptersMap, info: TypeInfo, base: str) -> None:
    """Read elements of an array of a domain as its base type."""
    for form in (Format.TEXT, Format.BINARY):
        loader = adapters.get_loader(adapters.types[base].oid, form)
        if loader is not None:
            adapters.register_loader(info.oid, loader)
