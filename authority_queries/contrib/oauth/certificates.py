"""TLS certificates of clients, from the header of a proxy."""

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote

from authority_queries.contrib.oauth.answers import ProtocolError

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
        found = _PEM.match(unquote(text))
        encoded = "" if found is None else re.sub(r"\s", "", found[1])
    try:
        octets = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        octets = b""
    if not octets:
        message = "the client's certificate cannot be read"
        raise ProtocolError("invalid_request", message)
    return octets
