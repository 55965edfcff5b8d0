"""The supplier's details of a track, in its jsonb."""

from typing import TypedDict


class Details(TypedDict, total=False):
    """The keys of the shop's JSON."""

    seconds: int
    label: str
