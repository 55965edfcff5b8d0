"""Cursors of pages: opaque texts for the position of a row in its list."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Final, TypeAlias
from uuid import UUID

from authority_queries.engine.checks import int8
from authority_queries.errors import InvalidArgumentError

# A part of a position.
Part: TypeAlias = str | int | UUID | date
Position: TypeAlias = tuple[Part, ...]

_LONGEST: Final = 8192
NO_ID: Final = UUID(int=0)
_LAST_ID: Final = UUID(int=2**128 - 1)
_LAST_MOMENT: Final = datetime(8999, 12, 31, tzinfo=UTC)
LAST_DATE: Final = date(8999, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The order of a list, and the form of its cursors.

    `name` is the name of the list. `fields` has the fields of its order, each with a
    function that reads the field from a cursor. The first page begins at `start`, a
    position before all rows.
    """

    name: str
    fields: Mapping[str, Callable[[str], Part]]
    start: Position

    def position_of(self, row: object) -> Position:
        """Return the position of a row."""
        found = attrgetter(*self.fields)(row)
        return found if isinstance(found, tuple) else (found,)

    def cursor(self, position: Position) -> str:
        """Return the cursor of a position."""
        text = json.dumps([self.name, *map(_text, position)], separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def position(self, argument: str, cursor: object) -> Position:
        """Return the position that a cursor contains.

        Raises InvalidArgumentError for a cursor of another list.
        """
        try:
            return self._read(cursor)
        except (AttributeError, RecursionError, TypeError, ValueError):
            message = f"{argument} must be a cursor of a page of this list"
            raise InvalidArgumentError(message, argument=argument) from None

    def parameters(self, prefix: str, position: Position) -> dict[str, Part]:
        """Return the query's parameters for a position: `after`, or `after_field`s."""
        if len(position) == 1:
            return {prefix: position[0]}
        names = (f"{prefix}_{field}" for field in self.fields)
        return dict(zip(names, position, strict=True))

    def _read(self, cursor: object) -> Position:
        if not isinstance(cursor, str) or len(cursor) > _LONGEST:
            raise TypeError
        padding = "=" * (-len(cursor) % 4)
        octets = urlsafe_b64decode(cursor.encode("ascii") + padding.encode())
        name, *texts = json.loads(octets)
        if name != self.name:
            raise ValueError
        read = zip(self.fields.values(), texts, strict=True)
        position = tuple(reader(text) for reader, text in read)
        if self.cursor(position) != cursor:
            raise ValueError
        return position


def by_text(name: str, field: str) -> Order:
    """Return the order by a field of text."""
    return Order(name=name, fields={field: read_text}, start=("",))


def by_id(name: str, field: str = "id") -> Order:
    """Return the order by a UUID."""
    return Order(name=name, fields={field: UUID}, start=(NO_ID,))


def by_sequence(name: str) -> Order:
    """Return the order by a sequence, which begins with 1."""
    return Order(name=name, fields={"sequence": _int}, start=(0,))


def newest_first(name: str) -> Order:
    """Return the descending order by `created_at` and `id`."""
    return Order(
        name=name,
        fields={"created_at": datetime.fromisoformat, "id": UUID},
        start=(_LAST_MOMENT, _LAST_ID),
    )


def read_text(text: str) -> str:
    """Return the text of a cursor. PostgreSQL stores no NUL and no surrogate."""
    if "\0" in text:
        raise ValueError
    text.encode()
    return text


def _int(text: str) -> int:
    return int8("after", int(text))


def _text(part: Part) -> str:
    return part.isoformat() if isinstance(part, date) else str(part)
