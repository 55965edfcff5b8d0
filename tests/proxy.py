"""A proxy between client and server, and a parser of the protocol's messages."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_LENGTH = 4


class Messages:
    """Splits the octets of one side into messages of PostgreSQL's protocol version 3.

    The first message of a client has no type.
    """

    def __init__(self, *, of_server: bool) -> None:
        self._octets = b""
        self._is_typed = of_server

    def add(self, octets: bytes) -> list[bytes]:
        """Return the messages that are complete now. Each begins with its type."""
        self._octets += octets
        complete = []
        while (message := self._next()) is not None:
            complete.append(message)
        return complete

    def _next(self) -> bytes | None:
        kind = 1 if self._is_typed else 0
        end = kind + _LENGTH
        if len(self._octets) < end:
            return None
        size = kind + int.from_bytes(self._octets[kind:end], "big")
        if len(self._octets) < size:
            return None
        message = self._octets[:size] if kind else b"\0" + self._octets[:size]
        self._octets, self._is_typed = self._octets[size:], True
        return message


class Relay(Protocol):
    """Decides about the octets of one connection.

    Each method returns the octets to forward, or None to close both sides.
    """

    def from_client(self, octets: bytes) -> bytes | None: ...

    def from_server(self, octets: bytes) -> bytes | None: ...


class MakeRelay(Protocol):
    def __call__(self) -> Relay: ...


def _pass_on(client: socket.socket, server: socket.socket, relay: Relay) -> None:
    ways = {
        client: (relay.from_client, server),
        server: (relay.from_server, client),
    }
    with client, server:
        while True:
            ready, _, _ = select.select([client, server], [], [])
            for side in ready:
                decide, other = ways[side]
                octets = side.recv(1 << 16)
                passed = decide(octets) if octets else None
                if passed is None:
                    return
                other.sendall(passed)


def _connected(conninfo: str) -> socket.socket:
    with psycopg.connect(conninfo) as connection:
        host, port = connection.info.host, connection.info.port
    if host.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(Path(host) / f".s.PGSQL.{port}"))
        return server
    return socket.create_connection((host, port))


def _accept(listener: socket.socket, conninfo: str, make_relay: MakeRelay) -> None:
    with ExitStack() as stack:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed at the end of the test
                return
            passing = threading.Thread(
                target=_pass_on, args=(client, _connected(conninfo), make_relay())
            )
            stack.callback(passing.join)
            passing.start()


@contextmanager
def proxy(conninfo: str, make_relay: MakeRelay) -> Iterator[str]:
    """Listen on a port of this machine, and yield the proxy's connection string.

    Each connection has its own relay. Clients must have disconnected at the end.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    parameters = conninfo_to_dict(conninfo) | {
        "host": "127.0.0.1",
        "port": listener.getsockname()[1],
        "sslmode": "disable",
        "gssencmode": "disable",
    }
    accepting = threading.Thread(target=_accept, args=(listener, conninfo, make_relay))
    accepting.start()
    try:
        yield make_conninfo("", **parameters)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
