"""What a forked process does with its parent's connections: it lets go of them.

Two processes on one connection get each other's answers, and the first that ends says
goodbye for both. So in a child every socket of ours leads nowhere, before any other
code runs there; pools are empty there, and connect anew.
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
    """Register a connection that this package has made for itself."""
    _ours.add(connection)


def process_of(connection: BaseConnection[Any]) -> int:
    """Give the process that was the first to use this connection here."""
    return _processes.setdefault(connection, os.getpid())


def check_process(process: int) -> None:
    """Refuse what is of another process. Raises ForkedError."""
    if process != os.getpid():
        message = (
            "the connection is of the process that this one was forked from: "
            "connect, or open a unit, after the fork"
        )
        raise ForkedError(message)


def let_go() -> None:
    """Put /dev/null in the place of each socket of ours, for this process alone."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for connection in list(_ours):
        try:
            os.dup2(nowhere, connection.pgconn.socket, inheritable=False)
        except (psycopg.Error, OSError):
            continue  # it is closed
    os.close(nowhere)
    _ours.clear()


os.register_at_fork(after_in_child=let_go)
