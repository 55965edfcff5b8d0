"""Token strings that clients present."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.errors import InvalidTokenError
from authority_queries.secrets import TokenString, parse_foreign_token, parse_token
from authority_queries.secrets.token_strings import TokenKind

ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- a type
_KINDS: Final[tuple[Literal["access", "refresh"], ...]] = ("access", "refresh")


def read_tokens(
    token: str, tenant_id: UUID, *, foreign: bool = False
) -> Sequence[TokenString]:
    """Return what a string may be: an access or refresh token of this tenant.

    A string of another store may be both. With `foreign` False it is none.
    """
    for kind in _KINDS:
        try:
            found = parse_token(token, kind=kind)
        except InvalidTokenError:
            continue
        return [found] if found.tenant_id == tenant_id else []
    if not foreign:
        return []
    try:
        return [
            parse_foreign_token(token, kind=kind, tenant_id=tenant_id)
            for kind in _KINDS
        ]
    except InvalidTokenError:
        return []


def parse_grant(token: str, kind: TokenKind, tenant_id: UUID) -> TokenString:
    """Parse a grant of this tenant. Raises ProtocolError."""
    try:
        found = parse_token(token, kind=kind)
    except InvalidTokenError:
        found = None
    if found is None or found.tenant_id != tenant_id:
        raise ProtocolError("invalid_grant", "the grant is not valid")
    return found


def check_exchange(parameters: Parameters) -> None:
    """Raise ProtocolError for what an exchange of tokens does not support."""
    if parameters.get("requested_token_type") not in {None, ACCESS_TOKEN}:
        message = "requested_token_type is not supported"
        raise ProtocolError("invalid_request", message)
    if parameters.get("actor_token") is None and parameters.get("actor_token_type"):
        raise ProtocolError("invalid_request", "actor_token is missing")
    if parameters.all("audience"):
        message = "audience is not supported: request a resource"
        raise ProtocolError("invalid_target", message)


def parse_exchanged(parameters: Parameters, name: str, tenant_id: UUID) -> TokenString:
    """Parse an access token to exchange. Raises ProtocolError."""
    if parameters.require(f"{name}_type") != ACCESS_TOKEN:
        message = f"{name}_type is not supported"
        raise ProtocolError("invalid_request", message)
    try:
        return parse_grant(parameters.require(name), "access", tenant_id)
    except ProtocolError:
        message = f"{name} is not valid"
        raise ProtocolError("invalid_request", message) from None
