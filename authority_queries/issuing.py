"""What is issued, as those who issue it say it."""

from dataclasses import dataclass, field
from datetime import timedelta

from authority_queries._arguments import check_digest, check_positive


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
