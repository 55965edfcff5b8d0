"""Connections that end in the middle of their single request.

A request ends with its first sync. When the server is ready again after it, it has
committed.
"""

from collections.abc import Callable

from tests.proxy import Messages

_SYNC, _READY = b"S", b"Z"


class _Passing:
    """Pass on the login's messages, then the single request and its answer."""

    def __init__(self) -> None:
        self._sent = Messages(of_server=False)
        self._answered = Messages(of_server=True)
        self._is_asked = self._is_logged_in = False

    def from_client(self, octets: bytes) -> bytes | None:
        if any(message[:1] == _SYNC for message in self._sent.add(octets)):
            self._is_asked = True
            return self.at_request(octets)
        return octets

    def from_server(self, octets: bytes) -> bytes | None:
        messages = self._answered.add(octets)
        is_ready = any(message[:1] == _READY for message in messages)
        self._is_logged_in |= is_ready
        if not self._is_asked:
            return octets
        # Everything is held back; when the request is complete, the line is cut.
        return None if is_ready else b""

    def at_request(self, octets: bytes) -> bytes | None:
        return octets


class LosesAnswer(_Passing):
    """Cut after the server has committed and answered; deliver none of the answer."""


class LosesRequest(_Passing):
    """Cut when the request is complete; no part of it reaches the server."""

    def from_client(self, octets: bytes) -> bytes | None:
        is_of_request = self._is_logged_in
        passed = super().from_client(octets)
        # A COMMIT is executed before the sync behind it has arrived.
        return b"" if passed and is_of_request else passed

    def at_request(self, octets: bytes) -> bytes | None:
        return None


class EndsCaller(_Passing):
    """End the caller when its request is complete; the request reaches the server."""

    def __init__(self, end: Callable[[], None]) -> None:
        super().__init__()
        self._end = end

    def at_request(self, octets: bytes) -> bytes | None:
        self._end()
        return octets
