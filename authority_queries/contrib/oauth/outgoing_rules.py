"""The URLs that a provider may request, and the limits of an answer."""

import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo
from time import monotonic
from typing import Final, TypeAlias

import httpcore2

from authority_queries.contrib.oauth.addresses import (
    LOOPBACK,
    Network,
    Target,
    is_public,
    read_target,
)
from authority_queries.contrib.oauth.fetching import (
    RefusedAnswerError,
    RefusedTargetError,
)
from authority_queries.engine.refusals import refusal

# Returns the addresses of a name. It may block.
Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
_HTTPS: Final = frozenset({443})
_MOST_ADDRESSES: Final = 4
# Of the head of an answer, and around the chunks of its body.
_OVERHEAD: Final = 16384


def system_addresses(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name as this system resolves it. Raises OSError."""
    # As octets, because a text would be encoded as IDNA.
    found = getaddrinfo(host.encode(), port, type=SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRules:
    """The URLs that are allowed. By default https on port 443 at public addresses.

    - `timeout`: of a whole request, from the lookup of the name to the last octet.
    - `ports`: the allowed ports.
    - `refused_networks`: more networks to refuse, for example the public addresses of
      your own hosts.
    - `allow_loopback`: also allows this machine, with http, at any port. Only for
      development.
    - `proxy`: the URL of an HTTP proxy. It resolves the names, so it must refuse
      private addresses. The environment's proxies are not used.
    - `ssl_context`: trusts other certificates than this system.
    - `resolver`: looks up names.
    """

    timeout: timedelta = timedelta(seconds=5)
    ports: Collection[int] = _HTTPS
    refused_networks: Sequence[Network] = ()
    allow_loopback: bool = False
    proxy: str | None = field(default=None, repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    resolver: Resolver = system_addresses

    def __post_init__(self) -> None:
        if self.proxy is not None and self.allow_loopback:
            raise refusal("proxy", "cannot be used with allow_loopback")

    def target(self, url: str) -> Target:
        """Return the parts of an allowed URL. Raises RefusedTargetError.

        The addresses of a name are checked when the connection is opened.
        """
        target = read_target(url)
        is_local = self.allow_loopback and target.host in LOOPBACK
        if target.scheme != "https" and not is_local:
            raise RefusedTargetError("the scheme is not https")
        if target.literal is not None:
            self.check(target, [target.literal])
        elif not is_local and "." not in target.host.rstrip("."):
            raise RefusedTargetError("the host is no public name")
        if target.port not in self.ports and not self.allow_loopback:
            raise RefusedTargetError(f"port {target.port} is not allowed")
        return target

    def check(self, target: Target, addresses: Sequence[str]) -> Sequence[str]:
        """Return the addresses to connect to, in their order.

        One private address refuses the name. Raises RefusedTargetError.
        """
        if not addresses:
            raise RefusedTargetError("the name has no address")
        for each in addresses:
            address = ip_address(each)
            if self.allow_loopback and address.is_loopback:
                continue
            if not is_public(address) or any(
                address in network for network in self.refused_networks
            ):
                raise RefusedTargetError(f"{address} is not a public address")
            if target.scheme != "https" or target.port not in self.ports:
                raise RefusedTargetError(f"{target.scheme} to port {target.port}")
        return list(dict.fromkeys(addresses))[:_MOST_ADDRESSES]

    def context(self) -> ssl.SSLContext:
        """Return the context with the trusted certificates."""
        return self.ssl_context or _system_context()


class Allowance:
    """The time and the octets that are left for an answer."""

    def __init__(self, timeout: timedelta, octets: int) -> None:
        self._end = monotonic() + timeout.total_seconds()
        self._octets = octets + _OVERHEAD

    def seconds(self) -> float:
        """Return how many seconds are left. Raises TimeoutError."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        return left

    def spend(self, octets: int) -> None:
        """Count octets that were received. Raises RefusedAnswerError."""
        self._octets -= octets
        if self._octets < 0:
            raise RefusedAnswerError("the answer is too long")


@cache
def _system_context() -> ssl.SSLContext:
    """Return a context with this system's certificates. To read them takes a while."""
    return httpcore2.default_ssl_context()
