"""Reads lists page by page."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page

Item = TypeVar("Item")


def pages_of(list_: Callable[..., Page[Item]], **key: object) -> list[Sequence[Item]]:
    """Return the items of all pages of a list, forward."""
    page = list_(**key)
    pages = [page.items]
    while page.next is not None:
        page = list_(**key, after=page.next)
        pages.append(page.items)
    return pages


def cursor_at(text: str, list_: str) -> str:
    """Return the cursor of a text's position in a list."""
    return by_text(list_, "text").cursor((text,))
