"""Token strings that another store issued: any text, which names no tenant.

Their hash has 33 octets: an octet 0, then the SHA-256 of the string. Own tokens have a
hash of 32 octets. So no lookup by one kind of string finds a token of the other kind.
"""

import hashlib
import re
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import octets, one_of, uuid
from authority_queries.engine.refusals import wrong_type
from authority_queries.errors import InvalidTokenError
from authority_queries.secrets.token_strings import PREFIX, TokenKind, TokenString

LEAST: Final = 22  # characters: 128 bits in base64
MOST: Final = 1024

_TAG: Final = b"\0"
_SHAPE: Final = re.compile(rf"(?!{PREFIX})[!-~]{{{LEAST},{MOST}}}")
_digest: Final = octets(32, 32)
_kind: Final = one_of("access", "refresh")
_sha256: Final = hashlib.sha256


def tag_foreign_hash(digest: bytes) -> bytes:
    """Return the `token_hash` of a token whose string has this SHA-256.

    For tokens that are imported from another store. Raises InvalidArgumentError.
    """
    return _TAG + _digest("digest", digest)


def parse_foreign_token(token: str, *, kind: TokenKind, tenant_id: UUID) -> TokenString:
    """Return the token string of another store, as presented to this tenant.

    The string shows neither its kind nor its tenant, so the caller names them. Raises
    InvalidTokenError for a string of this store, for fewer than 22 or more than 1024
    characters, and for a character that is not printable ASCII. The message does not
    repeat the string. Raises InvalidArgumentError for a kind that is neither access nor
    refresh, and for values of other types.
    """
    _kind("kind", kind)
    uuid("tenant_id", tenant_id)
    digest = find_foreign(token)
    if digest is None:
        message = (
            f"a token of another store must have {LEAST} to {MOST} printable ASCII "
            f"characters, and must not begin with {PREFIX}"
        )
        raise InvalidTokenError(message, argument="token")
    return TokenString(kind=kind, tenant_id=tenant_id, token=token, hash=digest)


def find_foreign(token: str) -> bytes | None:
    """Return the hash of a string that `parse_foreign_token` accepts, or None."""
    if not isinstance(token, str):
        raise wrong_type("token", "a str", token)
    if _SHAPE.fullmatch(token) is None:
        return None
    return _TAG + _sha256(token.encode("ascii")).digest()
