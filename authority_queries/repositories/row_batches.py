"""Many rows as one JSON text, and errors that name the row."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from json.encoder import encode_basestring_ascii
from typing import Any, Final, Protocol
from uuid import UUID

from psycopg.types.json import Jsonb

from authority_queries.engine.refusals import MAX_SIZE, refusal, wrong_type
from authority_queries.errors import ConstraintError, InvalidArgumentError

MAX_ROWS: Final = 1000


class Row(Protocol):
    """A row of `rows.py`."""

    def sent(self) -> Mapping[str, object]:
        """Return the values that are sent. Raises InvalidArgumentError."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The number of rows that an import created, and of those that existed before."""

    created: int
    existing: int


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows as JSON objects. `first` is the position of the first one, from 0."""

    first: int
    objects: Sequence[str]

    def text(self, count: int | None = None) -> str:
        """Return the first `count` rows, or all, as a JSON array."""
        return f"[{','.join(self.objects[:count])}]"


def check_many(name: str, values: object) -> int:
    """Return the length of a sequence. Raises InvalidArgumentError above 1000."""
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise wrong_type(name, "a sequence", values)
    if len(values) > MAX_ROWS:
        raise refusal(name, f"must have at most {MAX_ROWS} elements: call it in parts")
    return len(values)


def encode_rows(name: str, rows: Sequence[Row], kind: type[Row]) -> str:
    """Return at most 1000 rows of this class as a JSON array.

    Raises InvalidArgumentError, which names the argument, the row and the field.
    """
    check_many(name, rows)
    return RowBatch(0, [*_encoded(name, rows, kind)]).text()


def batches(
    name: str, rows: Iterable[Row], kind: type[Row], size: int
) -> Iterator[RowBatch]:
    """Yield batches of at most `size` rows of this class that one statement takes.

    Raises InvalidArgumentError, which names the argument, the row and the field.
    """
    objects: list[str] = []
    first = length = 0
    for encoded in _encoded(name, rows, kind):
        if len(objects) == size or length + len(encoded) >= MAX_SIZE:
            yield RowBatch(first, objects)
            first, length, objects = first + len(objects), 0, []
        objects.append(encoded)
        length += len(encoded) + 1
    if objects:
        yield RowBatch(first, objects)


def name_row(error: InvalidArgumentError | ConstraintError, row: str) -> None:
    """Add the row, such as `rows[17]`, to the text and the argument of an error."""
    error.args = (f"{row}: {error}",)
    error.argument = f"{row}.{error.argument}" if error.argument else row


def _encoded(name: str, rows: Iterable[Row], kind: type[Row]) -> Iterator[str]:
    for position, row in enumerate(rows):
        if not isinstance(row, kind):
            raise wrong_type(f"{name}[{position}]", f"of {kind.__name__}", row)
        try:
            sent = row.sent()
        except InvalidArgumentError as error:
            name_row(error, f"{name}[{position}]")
            raise
        yield f'{{"position":{position},{_members(sent)}}}'


def _members(sent: Mapping[str, object]) -> str:
    return ",".join(
        [
            f'"{name}":{_json(value)}'
            for name, value in sent.items()
            if value is not None
        ]
    )


def _json(value: object) -> str:
    """Return the value as JSON from which PostgreSQL reads its own type."""
    encode = _ENCODERS.get(type(value))
    if encode is None:
        kinds = (kind for kind in _ENCODERS if isinstance(value, kind))
        encode = _ENCODERS[next(kinds)]
    return encode(value)


_ENCODERS: Final[dict[type, Callable[[Any], str]]] = {
    str: encode_basestring_ascii,
    UUID: lambda value: f'"{value}"',
    bytes: lambda value: f'"\\\\x{value.hex()}"',
    list: lambda value: f"[{','.join(map(encode_basestring_ascii, value))}]",
    # Its check has made the text.
    Jsonb: lambda value: str(value.obj),
    datetime: lambda value: f'"{value.isoformat()}"',
    bool: lambda value: "true" if value else "false",
    IPv4Address: lambda value: f'"{value}"',
    IPv6Address: lambda value: f'"{value}"',
}
