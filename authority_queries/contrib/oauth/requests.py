"""HTTP requests, as any framework can describe them."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.certificates import thumbprint_of
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.engine.json_types import JsonArray, JsonObject, JsonValue

# RFC 8707 section 2, RFC 8693 section 2.1.
_REPEATABLE: Final = frozenset({"resource", "audience"})
_SECONDS: Final = 4102444800  # the year 2100: a larger number of seconds is no time


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request.

    - `url`: as the client sent it, with the scheme and host of the proxy. DPoP proofs
      are compared with it.
    - `parameters`: of the query for GET, of the form for POST, decoded, in their order.
    - `headers`: names in any case, in their order.
    - `certificate`: the client's TLS certificate (DER) that the proxy has verified.
    - `body`: the body of a registration.
    """

    method: str
    url: str
    parameters: Sequence[tuple[str, str]] = field(default=(), repr=False)
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Return the only header of this name, or None.

        Raises ProtocolError if there are several.
        """
        found = [value for key, value in self.headers if key.lower() == name]
        if len(found) > 1:
            code: ErrorCode = (
                "invalid_dpop_proof" if name == "dpop" else "invalid_request"
            )
            raise ProtocolError(code, f"the header {name} is repeated")
        return found[0] if found else None

    @property
    def certificate_thumbprint(self) -> str | None:
        """The x5t#S256 of the client's certificate (RFC 8705 section 3.1)."""
        if self.certificate is None:
            return None
        return thumbprint_of(self.certificate)

    def bearer(self) -> tuple[str, str] | None:
        """Return the scheme in lower case and the token of the Authorization header."""
        scheme, _, token = (self.header("authorization") or "").partition(" ")
        if scheme.lower() not in {"bearer", "dpop"} or not token:
            return None
        return scheme.lower(), token.strip()

    def basic(self) -> tuple[str, str] | None:
        """Return the client_id and secret of HTTP Basic (RFC 6749 section 2.3.1)."""
        scheme, _, encoded = (self.header("authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            message = "the Authorization header cannot be read"
            raise ProtocolError("invalid_request", message) from None
        client_id, _, secret = text.partition(":")
        return unquote_plus(client_id), unquote_plus(secret)

    def document(self) -> JsonObject:
        """Return the body, a JSON object. Raises ProtocolError."""
        try:
            value: JsonValue = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            message = "the body must be a JSON object"
            raise ProtocolError("invalid_client_metadata", message)
        return value


class Parameters:
    """The parameters of a request. An empty one counts as omitted (RFC 6749 3.1)."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if value:
                self._values.setdefault(name, []).append(value)
        for name, values in self._values.items():
            if len(values) > 1 and name not in _REPEATABLE:
                message = "a parameter is repeated"
                raise ProtocolError("invalid_request", message)

    def names(self) -> frozenset[str]:
        """Return the names of all parameters."""
        return frozenset(self._values)

    def get(self, name: str) -> str | None:
        """Return the value, or None."""
        values = self._values.get(name)
        return None if values is None else values[0]

    def require(self, name: str) -> str:
        """Return the value. Raises ProtocolError."""
        value = self.get(name)
        if value is None:
            raise ProtocolError("invalid_request", f"{name} is missing")
        return value

    def all(self, name: str) -> Sequence[str] | None:
        """Return all values of a parameter, or None if it is omitted."""
        return self._values.get(name)

    def words(self, name: str) -> Sequence[str] | None:
        """Return the words of a list that is separated by spaces, or None."""
        value = self.get(name)
        return None if value is None else [word for word in value.split(" ") if word]

    def seconds(self, name: str) -> int | None:
        """Return a number of seconds, or None. Raises ProtocolError."""
        value = self.get(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or int(value[:11]) > _SECONDS:
            message = f"{name} must be a number of seconds"
            raise ProtocolError("invalid_request", message)
        return int(value)

    def details(self) -> JsonArray | None:
        """Return the authorization_details (RFC 9396). Raises ProtocolError."""
        value = self.get("authorization_details")
        if value is None:
            return None
        try:
            details: JsonValue = json.loads(value)
        except (ValueError, RecursionError):
            details = None
        if not isinstance(details, list) or not all(map(_is_detail, details)):
            message = "authorization_details must be a JSON array of typed objects"
            raise ProtocolError("invalid_authorization_details", message)
        return details

    def items(self) -> JsonObject:
        """Return the parameters for storage."""
        return {
            name: values if name in _REPEATABLE else values[0]
            for name, values in self._values.items()
        }


def _is_detail(value: JsonValue) -> bool:
    """Return whether a value is an object with a type (RFC 9396 section 2)."""
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind != ""


def pairs_of(stored: JsonObject) -> Sequence[tuple[str, str]]:
    """Return the parameters that `Parameters.items` wrote."""
    return [
        (name, str(value))
        for name, values in stored.items()
        for value in (values if isinstance(values, list) else [values])
    ]
