"""TLS certificates of clients, from the header of a proxy."""

import base64
import binascii
import hashlib
import re
from typing import Final
from urllib.parse import unquote

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.engine.json_types import JsonObject, JsonValue

_PEM: Final = re.compile(
    r"\s*-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----"
)


def read_certificate(value: str) -> bytes:
    """Return the DER of a certificate. Raises ProtocolError.

    Accepts the Client-Cert header of RFC 9440 (`:base64:`) and percent-encoded PEM, as
    nginx's `$ssl_client_escaped_cert` has. The proxy must remove the header from
    clients' own requests.
    """
    text = value.strip()
    if text.startswith(":") and text.endswith(":"):
        encoded = text[1:-1]
    else:
        found = _PEM.fullmatch(unquote(text).strip())  # one: the proxy's
        encoded = "" if found is None else re.sub(r"\s", "", found[1])
    try:
        octets = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        octets = b""
    if not octets:
        message = "the client's certificate cannot be read"
        raise ProtocolError("invalid_request", message)
    return octets


def thumbprint_of(certificate: bytes) -> str:
    """Return the x5t#S256 of a certificate (RFC 8705 section 3.1)."""
    digest = hashlib.sha256(certificate).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_certificate_of(key: JsonValue, thumbprint: str | None) -> bool:
    """Return whether a JWK has this certificate, in x5t#S256 or first in x5c."""
    return (
        isinstance(key, dict)
        and thumbprint is not None
        and certificate_thumbprint_of(key) == thumbprint
    )


def certificate_thumbprint_of(key: JsonObject) -> str | None:
    """Return the x5t#S256 of a JWK, or that of its first certificate, or None."""
    thumbprint = key.get("x5t#S256")
    if thumbprint is not None:
        return thumbprint if isinstance(thumbprint, str) else None
    chain = key.get("x5c")
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        return None
    try:
        return thumbprint_of(base64.b64decode(chain[0], validate=True))
    except ValueError:
        return None
