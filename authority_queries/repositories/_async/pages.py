"""Pages of lists, which begin where a cursor points."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from authority_queries.engine.calls import AsyncCall
from authority_queries.errors import InvalidArgumentError
from authority_queries.repositories.arguments import check_page_size
from authority_queries.repositories.cursors import Order, Part
from authority_queries.repositories.values import Page

Record = TypeVar("Record")

# A page of live rows examines at most this many rows for each row that it may have.
EXAMINED_PER_ROW: Final = 10


class Found(Protocol):
    """The keys of the next rows, and the last examined key if more rows may follow."""

    @property
    def ids(self) -> Sequence[Part | None]:
        """Return the keys, in order."""

    @property
    def examined_to(self) -> Part | None:
        """Return the last examined key, or None."""


async def page(
    list_after: AsyncCall[list[Record]],
    list_before: AsyncCall[list[Record]],
    order: Order,
    *,
    after: str | None,
    before: str | None,
    page_size: int,
) -> Page[Record]:
    """Return a page of the list that the two queries read in either direction.

    Reads one row more than `page_size`, to know whether the list goes on.
    """
    if before is None:
        found = await page_after(list_after, order, after=after, page_size=page_size)
        is_first = after is None
        return replace(found, previous=None if is_first else _first(order, found.items))
    if after is not None:
        message = "pass either after or before, not both"
        raise InvalidArgumentError(message, argument="before")
    size = check_page_size(page_size)
    begin = order.parameters("before", order.position("before", before))
    items = await list_before(**begin, page_size=size + 1)
    has_previous = len(items) > size
    items = items[:size][::-1]
    return Page(
        items=items,
        next=_last(order, items),
        previous=_first(order, items) if has_previous else None,
    )


async def page_after(
    list_after: AsyncCall[list[Record]],
    order: Order,
    *,
    after: str | None,
    page_size: int,
) -> Page[Record]:
    """Return a page of a list that is read in one direction."""
    size = check_page_size(page_size)
    start = order.start if after is None else order.position("after", after)
    items = await list_after(**order.parameters("after", start), page_size=size + 1)
    has_next = len(items) > size
    items = items[:size]
    return Page(
        items=items,
        next=_last(order, items) if has_next else None,
        previous=None,
    )


async def found_page(
    find: AsyncCall[Found],
    list_found: AsyncCall[Sequence[Record]],
    order: Order,
    *,
    after: str | None,
    page_size: int,
) -> Page[Record]:
    """Return a page of the rows that `find` finds among those that it examines.

    It examines at most EXAMINED_PER_ROW times `page_size` rows, so a page may have
    fewer rows than `page_size`, even none, and still a `next`. `list_found` takes the
    keys and returns the rows that are still there.
    """
    size = check_page_size(page_size)
    start = order.start if after is None else order.position("after", after)
    found = await find(
        **order.parameters("after", start),
        most=size * EXAMINED_PER_ROW,
        page_size=size + 1,
    )
    keys = found.ids[:size]
    last = keys[-1] if len(found.ids) > size else found.examined_to
    return Page(
        items=await list_found(keys) if keys else [],
        next=None if last is None else order.cursor((last,)),
        previous=None,
    )


def _first(order: Order, rows: Sequence[object]) -> str | None:
    return order.cursor(order.position_of(rows[0])) if rows else None


def _last(order: Order, rows: Sequence[object]) -> str | None:
    return order.cursor(order.position_of(rows[-1])) if rows else None
