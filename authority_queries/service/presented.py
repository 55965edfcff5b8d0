"""What a token string that somebody presents says of itself, without a trip."""

from typing import Final
from uuid import UUID

from authority_queries.engine.checks import instance
from authority_queries.engine.refusals import refusal
from authority_queries.repositories.arguments import check_tenant_id
from authority_queries.secrets import TokenKind
from authority_queries.secrets.foreign_strings import find_foreign
from authority_queries.secrets.token_strings import find_token

_foreign: Final = instance(bool)


def find_presented(
    token: str, kind: TokenKind, tenant_id: UUID | None, *, foreign: bool = False
) -> tuple[UUID, bytes] | None:
    """Return tenant and hash of a token of this kind, and of this tenant if given.

    With `foreign` any string that is not of this store can be one of another store. It
    names no tenant, so it is looked up only for `tenant_id`, which must be given.
    """
    if tenant_id is not None:
        check_tenant_id(tenant_id)
    _foreign("foreign", foreign)
    if foreign and tenant_id is None:
        raise refusal(
            "tenant_id",
            "must be a UUID if foreign is True: a token of another store names none",
        )
    presented = find_token(token, kind)
    if presented is None and foreign and tenant_id is not None:
        digest = find_foreign(token)
        return None if digest is None else (tenant_id, digest)
    if presented is None or tenant_id not in (None, presented[0]):
        return None
    return presented
