"""Values that repositories take and return besides records."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, Generic, TypeVar

from authority_queries.engine.refusals import wrong_type
from authority_queries.records import FoundToken, VerifiedToken
from authority_queries.repositories.arguments import check_digest, check_positive

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A page of a list. `next` and `previous` are cursors for `after` and `before`.

    A cursor is None at the end of the list, and `previous` also where the list has no
    `before`. A cursor is an opaque text for the same list: it has the position of a
    row, such as a username, so it is no secret, but not for strangers either. Each
    page reads the list as it is then. Continue while `next` is not None: a list of
    rows that are live may have pages with few rows, or none.
    """

    items: Sequence[Item]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token for a redemption to issue.

    `hash` is the SHA-256 of its string, 32 octets (`mint_token(…).hash`). The token
    expires after `lifetime`, or with its family if that ends earlier. Raises
    InvalidArgumentError.
    """

    hash: bytes = field(repr=False)
    lifetime: timedelta

    def __post_init__(self) -> None:
        check_digest("hash", self.hash)
        check_positive("lifetime", self.lifetime)


def check_new_tokens(**tokens: object) -> None:
    """Raise InvalidArgumentError for a value that is neither a NewToken nor None."""
    for name, token in tokens.items():
        if not isinstance(token, NewToken | None):
            raise wrong_type(name, "a NewToken", token)


_verified_values: Final = attrgetter(*(each.name for each in fields(VerifiedToken)))


def verified(found: FoundToken) -> VerifiedToken:
    """Return the token without its hash."""
    return VerifiedToken(*_verified_values(found))


def is_confirmed(
    token: VerifiedToken, *, jkt: str | None = None, x5t_s256: str | None = None
) -> bool:
    """Return whether the presenter of a live token proved what it is bound to.

    `jkt` is the JWK SHA-256 thumbprint of the key of a checked DPoP proof, `x5t_s256`
    the SHA-256 thumbprint of the client's certificate, both base64url; None means that
    there was none. A bound token requires its own key and certificate. A token that is
    not bound to a key must not come with a DPoP proof: it is a bearer token (RFC 9449
    section 7.1). It may come with a certificate (RFC 8705 section 3).
    """
    return _is_same(token.cnf_jkt, jkt) and (
        token.cnf_x5t_s256 is None or _is_same(token.cnf_x5t_s256, x5t_s256)
    )


def is_sign_in_sufficient(
    token: VerifiedToken,
    *,
    now: datetime,
    acr_values: Sequence[str] | None = None,
    max_age: timedelta | None = None,
) -> bool:
    """Return whether the sign-in behind a live token is strong and fresh enough.

    `acr_values` are the authentication context classes of which one must be met, and
    `max_age` is how long ago the user may have signed in, by the clock `now`; None
    requires nothing. If the result is False, answer 401 with the error
    insufficient_user_authentication and both values (RFC 9470 section 3). A token
    without a user is as old as its issuance and has no acr.
    """
    is_strong = acr_values is None or token.acr in {*acr_values}
    return is_strong and (max_age is None or now - token.authenticated_at <= max_age)


def _is_same(bound: str | None, proved: str | None) -> bool:
    if bound is None or proved is None:
        return bound is proved
    return hmac.compare_digest(bound.encode(), proved.encode())
