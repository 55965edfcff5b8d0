"""Files of documents, compressed or not."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from authority_queries.errors import SourceError

_GZIP: Final = ".gz"
_ENOUGH: Final = 256  # documents of which the mean size is taken


def bare_name(path: Path) -> str:
    """Return the file's name without `.gz`."""
    return path.name.removesuffix(_GZIP)


@contextmanager
def opened(path: Path, offset: object) -> Iterator[BinaryIO]:
    """Open a file at this offset of its content. Raises SourceError."""
    start = offset if isinstance(offset, int) else 0
    try:
        with path.open("rb") as raw:
            if path.suffix == _GZIP:
                with gzip.open(raw) as file:
                    file.seek(start)
                    yield cast("BinaryIO", file)
            else:
                raw.seek(start)
                yield raw
    except EOFError as error:
        message = f"{path} is truncated: it ends inside its compressed data"
        raise SourceError(message) from error
    except (OSError, zlib.error) as error:
        message = f"{path} cannot be read: {type(error).__name__}"
        raise SourceError(message) from error


def estimate(path: Path, offsets: Iterator[int]) -> int | None:
    """Return about how many documents a file has, from the offsets of the first ones.

    Returns None for a compressed file.
    """
    if path.suffix == _GZIP:
        return None
    count, end = 0, 0
    for count, end in enumerate(offsets, 1):
        if count == _ENOUGH:
            return path.stat().st_size * count // end
    return count if end else 0
