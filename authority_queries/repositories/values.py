"""What repositories take and return besides records: pages and new tokens."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from authority_queries.engine.refusals import wrong_type
from authority_queries.records import VerifiedToken
from authority_queries.repositories.arguments import check_digest, check_positive

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A page of a list. `next` and `previous` are cursors for `after` and `before`.

    A cursor is None where the list ends.
    """

    items: Sequence[Item]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that a redemption shall issue.

    `hash` is the SHA-256 of its string, 32 octets (`mint_token(…).hash`); it expires
    after `lifetime`, or with its family. Raises InvalidArgumentError.
    """

    hash: bytes = field(repr=False)
    lifetime: timedelta

    def __post_init__(self) -> None:
        check_digest("hash", self.hash)
        check_positive("lifetime", self.lifetime)


def check_new_tokens(**tokens: object) -> None:
    """Refuse what is neither a NewToken nor None."""
    for name, token in tokens.items():
        if not isinstance(token, NewToken | None):
            raise wrong_type(name, "a NewToken", token)


def is_confirmed(
    token: VerifiedToken, *, jkt: str | None = None, x5t_s256: str | None = None
) -> bool:
    """Tell whether a live token may be used with what its presenter has proved.

    `jkt` is the JWK SHA-256 thumbprint of the key of a DPoP proof that was checked,
    `x5t_s256` the SHA-256 thumbprint of the client's certificate, both base64url; None:
    there was none. A token that is bound wants its own. A token that is not bound to a
    key is refused with a proof: it is a bearer token, and was not sent as one (RFC 9449
    section 7.1); a certificate may be there for other reasons (RFC 8705 section 3).
    """
    return _is_same(token.cnf_jkt, jkt) and (
        token.cnf_x5t_s256 is None or _is_same(token.cnf_x5t_s256, x5t_s256)
    )


def _is_same(bound: str | None, proved: str | None) -> bool:
    if bound is None or proved is None:
        return bound is proved
    return hmac.compare_digest(bound.encode(), proved.encode())
