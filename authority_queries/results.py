"""What repositories give beside rows: pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A page of a list. `next` and `previous` are cursors for `after` and `before`.

    A cursor is None where the list ends.
    """

    items: Sequence[Item]
    next: str | None
    previous: str | None
