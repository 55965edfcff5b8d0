"""The request_uri of a pushed authorization request (RFC 9126 section 2.2)."""

from typing import Final

from authority_queries.engine.checks import instance
from authority_queries.errors import InvalidArgumentError, InvalidTokenError
from authority_queries.secrets.token_strings import TokenString, parse_token

_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


def format_request_uri(reference: TokenString) -> str:
    """Spell the request_uri that a client gets for a token of the kind request_uri.

    Raises InvalidArgumentError for another kind.
    """
    instance(TokenString)("reference", reference)
    if reference.kind != "request_uri":
        message = f"the token is of the kind {reference.kind}, not request_uri"
        raise InvalidArgumentError(message, argument="reference")
    return f"{_PREFIX}{reference.token}"


def parse_request_uri(request_uri: str) -> TokenString:
    """Read a request_uri back, without a query.

    Raises InvalidTokenError, which does not repeat it, for any other URI.
    """
    instance(str)("request_uri", request_uri)
    if not request_uri.startswith(_PREFIX):
        message = "the request_uri is none of a pushed request"
        raise InvalidTokenError(message, argument="request_uri")
    return parse_token(request_uri.removeprefix(_PREFIX), kind="request_uri")
