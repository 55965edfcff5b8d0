"""What repositories give beside rows: pages, and outcomes of OAuth's steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

from authority_queries.records import RefusalOutcome, Token

Item = TypeVar("Item")

RedeemableTokenType: TypeAlias = Literal[
    "refresh", "authorization_code", "device_code", "user_code"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A page of a list. `next` and `previous` are cursors for `after` and `before`.

    A cursor is None where the list ends.
    """

    items: Sequence[Item]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Outcome of redeeming a single-use token. `token` is set when redeemed."""

    outcome: Literal["redeemed"] | RefusalOutcome
    token: Token | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Outcome of rotating a refresh token. Both tokens are set when rotated."""

    outcome: Literal["rotated"] | RefusalOutcome
    refresh_token: Token | None
    access_token: Token | None
