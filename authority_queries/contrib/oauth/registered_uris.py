"""The URIs that a client may register."""

from typing import Final
from urllib.parse import urlsplit

from authority_queries.contrib.oauth.addresses import HOST, LOOPBACK, URI
from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.fetching import RefusedTargetError
from authority_queries.contrib.oauth.outgoing_rules import OutgoingRules
from authority_queries.records import ClientApplicationType

_ANY_PORT: Final = OutgoingRules(ports=range(65536))


def check_redirect_uri(uri: str, application_type: ClientApplicationType) -> str:
    """Return a redirect URI that a client may register. Raises ProtocolError.

    It must be https, or http to a loopback address. A native application may also have
    a scheme of its own with a dot in it (RFC 8252 section 7). The URI may have only
    characters of URIs, and its host only ASCII, because pages and headers contain it.
    """
    try:
        parts = urlsplit(uri)
        is_local = parts.hostname in LOOPBACK
    except ValueError:
        raise _invalid_redirect() from None
    is_native = application_type == "native"
    if (
        not URI.fullmatch(uri)
        or not HOST.fullmatch(parts.netloc)
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
    """Return whether this server or its pages may request a stranger's URI.

    It must be https, and its host no private address. A name may still have one, so
    `Outgoing` checks the addresses when it connects.
    """
    try:
        _ANY_PORT.target(uri)
    except RefusedTargetError:
        return False
    return True


def _invalid_redirect() -> ProtocolError:
    message = "a redirect URI must be https, or http to a loopback address"
    return ProtocolError("invalid_redirect_uri", message)
