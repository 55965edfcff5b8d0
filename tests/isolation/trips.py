"""A proxy between client and server that counts the client's waits.

A trip is the first answer of the server after the client has sent something: the
direction changes. Packets are not counted, as the network may cut them anywhere.
"""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# Frontend messages (PostgreSQL's protocol, version 3).
_FLUSH, _SYNC = b"H", b"S"
_LENGTH = 4


class Trips:
    """Where to connect, and how many trips there were since `forget`."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.count = 0

    def forget(self) -> None:
        self.count = 0


class _Client:
    """What a client has sent, cut into its messages."""

    def __init__(self) -> None:
        self._octets = b""
        self._last = b""
        self._is_started = False
        self.has_asked = False

    def send(self, octets: bytes) -> None:
        self._octets += octets
        while (message := self._next()) is not None:
            # libpq asks for a flush behind a sync too, which nobody answers.
            idle_flush = message == _FLUSH and self._last == _SYNC
            self.has_asked = self.has_asked or not idle_flush
            self._last = self._last if idle_flush else message

    def _next(self) -> bytes | None:
        kind = 1 if self._is_started else 0  # the first message has no type
        end = kind + _LENGTH
        if len(self._octets) < end:
            return None
        size = kind + int.from_bytes(self._octets[kind:end], "big")
        if len(self._octets) < size:
            return None
        message = self._octets[:kind]
        self._octets, self._is_started = self._octets[size:], True
        return message


def _relay(client: socket.socket, server: socket.socket, trips: Trips) -> None:
    sent = _Client()
    with client, server:
        while True:
            ready, _, _ = select.select([client, server], [], [])
            if client in ready:
                octets = client.recv(1 << 16)
                if not octets:
                    return
                sent.send(octets)
                server.sendall(octets)
            if server in ready:
                octets = server.recv(1 << 16)
                if not octets:
                    return
                trips.count += sent.has_asked
                sent.has_asked = False
                client.sendall(octets)


def _connected(conninfo: str) -> socket.socket:
    with psycopg.connect(conninfo) as connection:
        host, port = connection.info.host, connection.info.port
    if host.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(Path(host) / f".s.PGSQL.{port}"))
        return server
    return socket.create_connection((host, port))


def _accept(listener: socket.socket, conninfo: str, trips: Trips) -> None:
    with ExitStack() as stack:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed: the test is over
                return
            relay = threading.Thread(
                target=_relay, args=(client, _connected(conninfo), trips)
            )
            stack.callback(relay.join)
            relay.start()


@contextmanager
def counted_trips(conninfo: str) -> Iterator[Trips]:
    """Listen on a port of this machine. Clients must be gone at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    parameters = conninfo_to_dict(conninfo) | {
        "host": "127.0.0.1",
        "port": listener.getsockname()[1],
        "sslmode": "disable",
        "gssencmode": "disable",
    }
    trips = Trips(make_conninfo("", **parameters))
    accepting = threading.Thread(target=_accept, args=(listener, conninfo, trips))
    accepting.start()
    try:
        yield trips
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
