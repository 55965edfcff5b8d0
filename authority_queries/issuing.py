"""What is issued, as those who issue it say it."""

from dataclasses import dataclass, field
from datetime import timedelta

from authority_queries._arguments import check_digest, check_positive
from authority_queries._refusals import wrong_type


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
