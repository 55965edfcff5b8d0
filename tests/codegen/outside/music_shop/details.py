"""What the supplier says of a track, in its jsonb."""

from typing import TypedDict


class Details(TypedDict, total=False):
    """The keys that the shop knows."""

    seconds: int
    label: str
