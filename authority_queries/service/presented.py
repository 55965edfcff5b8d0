"""What a token string that somebody presents says of itself, without a trip."""

from uuid import UUID

from authority_queries.repositories.arguments import check_tenant_id
from authority_queries.secrets import TokenKind
from authority_queries.secrets.token_strings import find_token


def find_presented(
    token: str, kind: TokenKind, tenant_id: UUID | None
) -> tuple[UUID, bytes] | None:
    """Return tenant and hash of a token of this kind, and of this tenant if given."""
    if tenant_id is not None:
        check_tenant_id(tenant_id)
    presented = find_token(token, kind)
    if presented is None or tenant_id not in (None, presented[0]):
        return None
    return presented
