"""Keeps a forked process away from its parent's connections.

Two processes on one connection receive each other's answers, and the first that exits
closes it for both. In a child, before any other code runs, /dev/null replaces the
sockets of our connections. Pools are empty there, and connect again.
"""

import os
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

import psycopg
from psycopg._connection_base import BaseConnection

from authority_queries.engine.errors import ForkedError

_ours: Final[WeakSet[BaseConnection[Any]]] = WeakSet()
_processes: Final[WeakKeyDictionary[BaseConnection[Any], int]] = WeakKeyDictionary()


def own(connection: BaseConnection[Any]) -> None:
    """Register a connection that this package has opened."""
    _ours.add(connection)


def process_of(connection: BaseConnection[Any]) -> int:
    """Return the id of the process that first used this connection."""
    return _processes.setdefault(connection, os.getpid())


def check_process(process: int) -> None:
    """Raise ForkedError in another process than this one."""
    if process != os.getpid():
        message = (
            "the connection belongs to the parent process: connect, or open a unit, "
            "after the fork"
        )
        raise ForkedError(message)


def let_go() -> None:
    """Replace each of our sockets by /dev/null, in this process only."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for connection in list(_ours):
        try:
            os.dup2(nowhere, connection.pgconn.socket, inheritable=False)
        except (psycopg.Error, OSError):
            continue  # it is closed
    os.close(nowhere)
    _ours.clear()


os.register_at_fork(after_in_child=let_go)
