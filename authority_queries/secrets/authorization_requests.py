"""The strings of an authorization request: request URIs and PKCE code challenges."""

import base64
import hashlib
import re
from typing import Final

from authority_queries.engine.checks import instance, optional, text
from authority_queries.errors import InvalidArgumentError, InvalidTokenError
from authority_queries.secrets.token_strings import TokenString, parse_token

_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
_optional_text: Final = optional(text())
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def format_request_uri(reference: TokenString) -> str:
    """Return the request_uri (RFC 9126 section 2.2) of a token of kind request_uri.

    Raises InvalidArgumentError for another kind.
    """
    instance(TokenString)("reference", reference)
    if reference.kind != "request_uri":
        message = f"reference must be of kind request_uri, not {reference.kind}"
        raise InvalidArgumentError(message, argument="reference")
    return f"{_PREFIX}{reference.token}"


def parse_request_uri(request_uri: str) -> TokenString:
    """Parse a request_uri, without a query.

    Raises InvalidTokenError for any other URI. The message does not repeat the URI.
    """
    instance(str)("request_uri", request_uri)
    if not request_uri.startswith(_PREFIX):
        message = f"request_uri must start with {_PREFIX}"
        raise InvalidTokenError(message, argument="request_uri")
    return parse_token(request_uri.removeprefix(_PREFIX), kind="request_uri")


def code_challenge_of(value: object) -> str | None:
    """Return the code challenge of a code verifier, method S256 (RFC 7636 section 4.2).

    The verifier is a secret and is never sent to PostgreSQL. The challenge of a
    verifier that section 4.1 does not allow is the empty string, which no authorization
    code has. The challenge of None is None. Raises InvalidArgumentError for a value
    that is not text.
    """
    code_verifier = _optional_text("code_verifier", value)
    if code_verifier is None:
        return None
    if not _VERIFIER.fullmatch(code_verifier):
        return ""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
