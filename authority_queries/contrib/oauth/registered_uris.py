"""Which URIs a client may register."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.records import ClientApplicationType

# RFC 3986 section 2.
_URI: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
# No userinfo, and no character that ends a source of a Content-Security-Policy.
_HOST: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])?(:[0-9]{1,5})?")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_redirect_uri(uri: str, application_type: ClientApplicationType) -> str:
    """Return a redirect URI that a client may register. Raises ProtocolError.

    It is https, or http to this machine. A native application may also have a scheme
    of its own with a dot in it (RFC 8252 section 7). It has only characters of URIs,
    and its host only letters of ASCII: pages name it, and headers have it.
    """
    try:
        parts = urlsplit(uri)
        is_local = parts.hostname in _LOOPBACK
    except ValueError:
        raise _invalid_redirect() from None
    is_native = application_type == "native"
    if (
        not _URI.fullmatch(uri)
        or not _HOST.fullmatch(parts.netloc)
        or "#" in uri
        or "*" in uri
        or not (
            (parts.scheme == "https" and parts.hostname)
            or (parts.scheme == "http" and is_local)
            or (is_native and "." in parts.scheme)
        )
    ):
        raise _invalid_redirect()
    return uri


def is_public_uri(uri: str) -> bool:
    """Return whether this server or a page of it may ask a URI that a stranger wrote.

    It is https, and not the address of a private host. A name may still lead to one:
    who sends requests must look at the address (SSRF).
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and _URI.fullmatch(uri) is not None
        and _HOST.fullmatch(parts.netloc) is not None
        and _is_public(host)
    )


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:  # a name: one whose last part is a number is an address too
        return "." in host and not host.rpartition(".")[2].isdigit()


def _invalid_redirect() -> ProtocolError:
    message = "a redirect URI must be https, or http to a loopback address"
    return ProtocolError("invalid_redirect_uri", message)
