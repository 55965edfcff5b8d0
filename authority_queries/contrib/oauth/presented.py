"""Token strings that clients present."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.errors import InvalidTokenError
from authority_queries.secrets import TokenString, parse_foreign_token, parse_token
from authority_queries.secrets.token_strings import TokenKind

_KINDS: Final[tuple[Literal["access", "refresh"], ...]] = ("access", "refresh")


def read_tokens(
    token: str, tenant_id: UUID, *, foreign: bool = False
) -> Sequence[TokenString]:
    """Return the access or refresh tokens of this tenant that a string may be.

    With `foreign`, a string of another store may be both.
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
