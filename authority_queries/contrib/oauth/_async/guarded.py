"""Connections to addresses that were checked, within a time and a size."""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

from authority_queries.contrib.oauth.addresses import Target
from authority_queries.contrib.oauth.lookups import AsyncTcp, look_up_async
from authority_queries.contrib.oauth.outgoing_rules import Allowance, OutgoingRules


class AsyncGuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Looks up a name once, and connects to the addresses that it has judged.

    There is no second lookup that could have another answer (DNS rebinding).
    """

    def __init__(
        self, rules: OutgoingRules, target: Target, allowance: Allowance
    ) -> None:
        self._rules = rules
        self._target = target
        self._allowance = allowance
        self._tcp = AsyncTcp()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers."""
        addresses = await self._addresses(host, port)
        failure: Exception | None = None
        for tried, address in enumerate(addresses):
            seconds = self._allowance.seconds() / (len(addresses) - tried)
            try:
                stream = await self._tcp.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return AsyncGuardedStream(stream, self._allowance)
        raise ConnectionError("no address answers") from failure

    async def _addresses(self, host: str, port: int) -> list[str]:
        if self._rules.proxy is not None:  # it judges the addresses
            return [host]
        literal = self._target.literal
        addresses = (
            [literal]
            if literal is not None
            else await look_up_async(
                self._rules.resolver, host, port, seconds=self._allowance.seconds()
            )
        )
        return list(self._rules.check(self._target, addresses))


class AsyncGuardedStream(httpcore2.AsyncNetworkStream):
    """A connection that ends when the time or the octets of a request are used up."""

    def __init__(
        self, stream: httpcore2.AsyncNetworkStream, allowance: Allowance
    ) -> None:
        self._stream = stream
        self._allowance = allowance

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within the time and the octets that are left."""
        data = await self._stream.read(max_bytes, self._allowance.seconds())
        self._allowance.spend(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within the time that is left."""
        await self._stream.write(buffer, self._allowance.seconds())

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Begin TLS within the time that is left."""
        stream = await self._stream.start_tls(
            ssl_context, server_hostname, self._allowance.seconds()
        )
        return AsyncGuardedStream(stream, self._allowance)

    def get_extra_info(self, info: str) -> Any:
        """Return information about the connection for httpcore."""
        return self._stream.get_extra_info(info)
