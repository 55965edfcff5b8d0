"""The known life of each token: its beginning, and what may or must have ended it.

All times are of this process's clock, around the calls: a call that was acknowledged
before another one began came before it in the database too.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from math import inf
from typing import Any
from uuid import UUID

from authority_queries.secrets import TokenKind, TokenString

# After an unknown outcome the server may still be at work for so long.
LATE = 60.0
# Between this process's clock and the database's, both of one machine.
_INEXACT = 0.25


@dataclass(eq=False, slots=True)
class End:
    """An event that ends tokens, possible since `began`, and certain since `done`.

    An `epoch` ends only tokens of earlier sign-ins. `gave_up` is the time at which the
    caller lost the answer.
    """

    why: str
    began: float
    epoch: bool = False
    done: float = inf
    gave_up: float = inf

    def may_end(self, signed_in: "Span", by: float) -> bool:
        if self.began > by:
            return False
        last = self.done if self.done < inf else self.gave_up + LATE
        return not self.epoch or signed_in.began <= last

    def must_end(self, signed_in: "Span", by: float) -> bool:
        if self.done >= by:
            return False
        return not self.epoch or signed_in.ended < self.began


@dataclass(slots=True)
class Span:
    """The time of an action: between these moments. `ended` can be inf, for never."""

    began: float
    ended: float = inf


@dataclass(eq=False)
class Subject:
    """A user, a client, a family, or a token: tokens end with it."""

    name: str
    ends: list[End] = field(default_factory=list)

    def begin_end(self, why: str, began: float, *, epoch: bool = False) -> End:
        """Enter, before the call, that tokens may end from now on."""
        end = End(why, began, epoch)
        self.ends.append(end)
        return end

    def forget(self, end: End) -> None:
        """Nothing has ended: the call was refused."""
        if end in self.ends:
            self.ends.remove(end)


@dataclass(eq=False)
class Use:
    """A redemption of a token: its request, its time and its result."""

    request: UUID
    began: float
    outcome: str = "unknown"


@dataclass(eq=False, kw_only=True)
class Life:
    """A token as it was issued. `expected` are fields of its verified row."""

    minted: TokenString
    kind: TokenKind
    issued: Span
    signed_in: Span
    lifetime: float
    hangs_on: tuple[Subject, ...]
    family: Subject
    expected: dict[str, Any]
    uses: list[Use] = field(default_factory=list)
    itself: Subject = field(default_factory=lambda: Subject("token"))
    is_claimed: bool = False

    def ends(self) -> list[End]:
        subjects = (self.itself, self.family, *self.hangs_on)
        return [end for subject in subjects for end in subject.ends[:]]

    def why_dead(self, began: float) -> str | None:
        """Return why it is dead for each call that begins then, or None."""
        for end in self.ends():
            if end.must_end(self.signed_in, began):
                return end.why
        if began > self.issued.ended + self.lifetime + _INEXACT:
            return "expired"
        return None

    def must_live(
        self, began: float, ended: float, besides: Collection[End] = ()
    ) -> bool:
        """Return whether it is alive for each call that begins and ends then."""
        if self.issued.ended >= began:
            return False
        if ended >= self.issued.began + self.lifetime - _INEXACT:
            return False
        return not any(
            end.may_end(self.signed_in, ended)
            for end in self.ends()
            if end not in besides
        )

    def differs(self, row: object) -> list[str]:
        """Return the fields of a verified row that are not this token's."""
        return [
            name
            for name, value in self.expected.items()
            if _plain(getattr(row, name)) != _plain(value)
        ]


def _plain(value: object) -> object:
    return [*value] if isinstance(value, list | tuple) else value
