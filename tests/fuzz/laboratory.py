"""Databases with the same schema: an empty one to describe in, filled ones to run in.

They are clones of one, so that all have the same oids.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from tests.fuzz.data import fill
from tests.fuzz.world import Connection, World, create_schema, read_world

FILLINGS: Final = 4
_RECOVERY: Final = 30  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """The schema, and connections: two to the empty database, for the scale and for
    the analysis with settings of its own, and one to each filled one.
    """

    world: World
    empty: Connection
    analysed: Connection
    filled: tuple[Connection, ...]


@contextmanager
def laboratory(server: str, fillings: int = FILLINGS) -> Iterator[Laboratory]:
    """Make the databases on this server, and drop them in the end."""
    names = [f"fuzz_{os.getpid()}_{number}" for number in range(fillings + 1)]
    with psycopg.connect(server, autocommit=True) as dba, ExitStack() as undo:
        empty = _connection(dba, server, names[0], "template0", undo)
        create_schema(empty)
        world = read_world(empty)
        empty.close()
        filled = []
        for seed, name in enumerate(names[1:], 1):
            connection = _connection(dba, server, name, names[0], undo)
            fill(connection, world, seed)
            connection.execute("set statement_timeout = '2s'")
            connection.execute("set temp_file_limit = '100MB'")
            filled.append(connection)
        analysed = undo.enter_context(_connect(server, names[0]))
        # Otherwise the server writes each dumped tree to its log, too.
        analysed.execute("set log_min_messages = fatal")
        yield Laboratory(
            world=world,
            empty=undo.enter_context(_connect(server, names[0])),
            analysed=analysed,
            filled=tuple(filled),
        )


def _connection(
    dba: Connection, server: str, name: str, template: str, undo: ExitStack
) -> Connection:
    dba.execute(f"create database {name} template {template}".encode())
    undo.callback(_drop, server, name)
    return undo.enter_context(_connect(server, name))


def _drop(server: str, name: str) -> None:
    """Drop a database. After a crash of the server, wait until it is up again."""
    end = time.monotonic() + _RECOVERY
    while True:
        try:
            with psycopg.connect(server, autocommit=True) as dba:
                dba.execute(f"drop database if exists {name} with (force)".encode())
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _connect(server: str, name: str) -> Connection:
    return psycopg.connect(make_conninfo(server, dbname=name), autocommit=True)
