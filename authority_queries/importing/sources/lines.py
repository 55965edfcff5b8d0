"""Reads text files of one document a line, from any line on, also gzip files."""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import JsonValue

from authority_queries.errors import SourceError

_LONGEST: Final = 1 << 24
_SAMPLE: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and the position after it: its end in octets and its number.

    `is_ended` is false for a last line without a line break.
    """

    text: bytes = field(repr=False)
    number: int
    end: int
    is_ended: bool

    @property
    def position(self) -> JsonValue:
        """Return where reading goes on after this line."""
        return [self.end, self.number]


def read_lines(path: Path, *, after: JsonValue = None) -> Iterator[Line]:
    """Yield the lines that are not blank, without spaces around. Raises SourceError."""
    for line in read_all_lines(path, after=after):
        if text := line.text.strip():
            yield replace(line, text=text)


def read_all_lines(path: Path, *, after: JsonValue = None) -> Iterator[Line]:
    """Yield the lines with their line breaks. Only one is in memory.

    Raises SourceError, also for a line of more than 16 MiB.
    """
    end, number = _position(path, after)
    try:
        with open_binary(path) as file:
            file.seek(end)
            while text := file.readline(_LONGEST):
                end, number = end + len(text), number + 1
                if len(text) == _LONGEST:
                    message = f"{path}: line {number} has more than {_LONGEST} octets"
                    raise SourceError(message)
                content = text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text
                yield Line(content, number, end, text.endswith(b"\n"))
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def open_binary(path: Path) -> BinaryIO:
    """Open a file, through gzip if it begins like such a file."""
    with path.open("rb") as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
    return io.BufferedReader(gzip.open(path)) if is_packed else path.open("rb")


def unreadable(path: Path, error: Exception) -> SourceError:
    """Return the error of a file that cannot be read, or that ends early."""
    if isinstance(error, EOFError):
        return SourceError(f"{path} is truncated: the end of its gzip data is missing")
    reason = getattr(error, "strerror", None) or "its gzip data is damaged"
    return SourceError(f"{path} cannot be read: {reason}")


def estimate_lines(path: Path) -> int | None:
    """Return about how many lines a file has, or None for gzip and a missing file."""
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
        size = path.stat().st_size
    except OSError:
        return None
    breaks = sample.count(b"\n")
    if sample.startswith(_GZIP) or not breaks:
        return None
    return breaks if size == len(sample) else size * breaks // len(sample)


def _position(path: Path, after: JsonValue) -> tuple[int, int]:
    match after:
        case None:
            return 0, 0
        case [int(end), int(number)]:
            return end, number
    message = f"{path}: the position to go on from is not one of this file"
    raise SourceError(message)
