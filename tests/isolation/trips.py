"""The client's waits, counted between client and server.

A trip is the first answer of the server after the client has sent something: the
direction changes. Packets are not counted, because the network may cut them anywhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.proxy import Messages, proxy

# Frontend messages.
_FLUSH, _SYNC = b"H", b"S"


class Trips:
    """The address to connect to, and the number of trips since `forget`."""

    def __init__(self) -> None:
        self.conninfo = ""
        self.count = 0

    def forget(self) -> None:
        self.count = 0


class _Counting:
    """Pass everything on, and count."""

    def __init__(self, trips: Trips) -> None:
        self._trips = trips
        self._sent = Messages(of_server=False)
        self._last = b""
        self._has_asked = False

    def from_client(self, octets: bytes) -> bytes:
        for message in self._sent.add(octets):
            # libpq also asks for a flush after a sync. The server does not answer it.
            idle_flush = (message[:1], self._last) == (_FLUSH, _SYNC)
            self._has_asked = self._has_asked or not idle_flush
            self._last = self._last if idle_flush else message[:1]
        return octets

    def from_server(self, octets: bytes) -> bytes:
        self._trips.count += self._has_asked
        self._has_asked = False
        return octets


@contextmanager
def counted_trips(conninfo: str) -> Iterator[Trips]:
    """Listen on a port of this machine. Clients must be gone at the end."""
    trips = Trips()
    with proxy(conninfo, lambda: _Counting(trips)) as trips.conninfo:
        yield trips
