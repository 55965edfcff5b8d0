"""The addresses to which a stranger may make the server connect (SSRF)."""

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from authority_queries.contrib.oauth.fetching import RefusedTargetError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# RFC 3986 section 2.
URI: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
# No userinfo, and no character that ends a source of a Content-Security-Policy.
HOST: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])?(:[0-9]{1,5})?")
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST: Final = 2048
_PORTS: Final = {"https": 443, "http": 80}
# Resolvers read such a name as an IPv4 address: 0x7f.1, 017700000001, 2130706433.
_NUMBER: Final = re.compile(r"(.*\.)?([0-9]+|0[xX][0-9a-fA-F]*)\.?")
# The networks of IANA's registries of special-purpose addresses, because versions of
# Python differ, and the platform's address in each network of Azure.
_SPECIAL: Final = [
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3", "168.63.129.16/32",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
]  # fmt: skip
_UNICAST: Final = IPv6Network("2000::/3")
# An IPv4 address in the last 32 bits (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")
# The first half of an interface of ISATAP (RFC 5214), which ends in an IPv4 address.
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The parts of a URL. It is read once, so that two readers cannot disagree."""

    scheme: Literal["https", "http"]
    host: str
    port: int
    path: str

    @property
    def literal(self) -> str | None:
        """The host if it is an address, None if it is a name."""
        try:
            return str(ip_address(self.host))
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str) -> Target:
    """Return the parts of an http or https URL. Raises RefusedTargetError.

    The URL must have only characters of URIs, no userinfo and no fragment. Its host
    must be a name in ASCII, or an address in its usual form.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise RefusedTargetError("the URL cannot be read") from None
    scheme = parts.scheme
    if scheme not in ("https", "http"):
        raise RefusedTargetError("the scheme is not https")
    if (
        len(url) > _LONGEST
        or not URI.fullmatch(url)
        or not HOST.fullmatch(parts.netloc)
        or "#" in url
        or not is_host(host)
    ):
        raise RefusedTargetError("the URL or its host has an unusual form")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        scheme="http" if scheme == "http" else "https",
        host=host,
        port=_PORTS[scheme] if port is None else port,
        path=path,
    )


def is_host(host: str) -> bool:
    """Return whether a host is a name, or an address in its usual form."""
    try:
        ip_address(host)
    except ValueError:
        return bool(host) and ":" not in host and not _NUMBER.fullmatch(host)
    return True


def is_public(address: Address) -> bool:
    """Return whether an address belongs to a host on the public internet."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST or (int(address) >> 32 & 0xFFFFFFFF) in _ISATAP:
            return False
    return address.is_global and not any(address in network for network in _SPECIAL)
