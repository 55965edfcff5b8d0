"""Requests to URLs that strangers chose."""

from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Final, cast
from urllib.parse import urlencode

import httpcore2

from authority_queries.contrib.oauth._async.guarded import AsyncGuardedNetwork
from authority_queries.contrib.oauth.addresses import Target
from authority_queries.contrib.oauth.fetching import (
    DOCUMENT_OCTETS,
    Fetched,
    RefusedAnswerError,
    read_fetched,
)
from authority_queries.contrib.oauth.outgoing_rules import Allowance, OutgoingRules

_Headers = Sequence[tuple[bytes, bytes]]
_Texts = Mapping[bytes | str, bytes | str]
_FORM: Final[_Texts] = {"content-type": "application/x-www-form-urlencoded"}
_JSON: Final[_Texts] = {"accept": "application/json"}
_FAILED: Final = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)


class AsyncOutgoing:
    """Sends requests within OutgoingRules, by default to public addresses only.

    It follows no redirect, keeps no cookie and no connection, decompresses nothing,
    and reads no settings of proxies from the environment. Every failure is an OSError.
    """

    def __init__(self, rules: OutgoingRules | None = None) -> None:
        self._rules = rules or OutgoingRules()

    async def fetch(self, url: str, *, most_octets: int = DOCUMENT_OCTETS) -> Fetched:
        """Return a JSON document. Raises OSError."""
        return read_fetched(*await self._send("GET", url, _JSON, None, most_octets))

    async def post(self, url: str, form: Mapping[str, str]) -> int:
        """Post a form, and return the status. The body of the answer is not read."""
        body = urlencode(form).encode()
        status, _, _ = await self._send("POST", url, _FORM, body, None)
        return status

    async def _send(
        self,
        method: str,
        url: str,
        headers: _Texts,
        content: bytes | None,
        most_octets: int | None,
    ) -> tuple[int, _Headers, bytes]:
        target = self._rules.target(url)
        try:
            async with (
                self._pool(target, most_octets or 0) as pool,
                pool.stream(
                    method,
                    _url(target),
                    headers={**_usual(target), **headers},
                    content=content,
                ) as response,
            ):
                body = b""
                if most_octets is not None:
                    body = await _read(response, most_octets)
                return response.status, response.headers, body
        except httpcore2.TimeoutException as error:
            raise TimeoutError("the answer took too long") from error
        except _FAILED as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    def _pool(self, target: Target, most_octets: int) -> httpcore2.AsyncConnectionPool:
        """Return a pool for one request: each has a time and a size of its own."""
        rules = self._rules
        allowance = Allowance(rules.timeout, most_octets)
        return httpcore2.AsyncConnectionPool(
            ssl_context=rules.context(),
            proxy=None if rules.proxy is None else httpcore2.Proxy(rules.proxy),
            network_backend=AsyncGuardedNetwork(rules, target, allowance),
        )


def _url(target: Target) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.path
    )


def _usual(target: Target) -> _Texts:
    return {
        "host": target.authority,
        "user-agent": "authority-queries",
        "accept-encoding": "identity",
        "connection": "close",
    }


async def _read(response: httpcore2.Response, most_octets: int) -> bytes:
    """Return the body. Raises RefusedAnswerError if it is long or compressed."""
    names = {name.lower() for name, _ in response.headers}
    if b"content-encoding" in names:
        raise RefusedAnswerError("the answer is compressed")
    body = bytearray()
    async for part in cast("AsyncIterable[bytes]", response.stream):
        body += part
        if len(body) > most_octets:
            raise RefusedAnswerError("the answer is too long")
    return bytes(body)
