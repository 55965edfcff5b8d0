"""Finds the lines of a large file by a key, in little memory."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

from authority_queries.importing.conversions import ConversionError
from authority_queries.importing.sources.json_files import opened, refuse_file

_OCTETS: Final = 8


class KeySet:
    """The keys of a large file, in 8 octets each. Two may be taken for one, hardly."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._hashes = array("Q", sorted(map(_hash, keys)))

    def __contains__(self, key: str) -> bool:
        wanted = _hash(key)
        at = bisect_left(self._hashes, wanted)
        return at < len(self._hashes) and self._hashes[at] == wanted


class LineIndex:
    """The places of the lines of a file, by the keys in them, in 16 octets each.

    `key_of` may raise ConversionError. A line without a key (None) is not found. Raises
    SourceError.
    """

    def __init__(self, path: Path, key_of: Callable[[bytes], str | None]) -> None:
        self._path = path
        self._key_of = key_of
        hashes, places = array("Q"), array("Q")
        with opened(path) as file:
            place = 0
            for number, line in enumerate(file, 1):
                key = self._key(number, line) if line.strip() else None
                if key is not None:
                    hashes.append(_hash(key))
                    places.append(place)
                place += len(line)
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        self._hashes = array("Q", (hashes[each] for each in order))
        self._places = array("Q", (places[each] for each in order))

    def _key(self, number: int, line: bytes) -> str | None:
        try:
            return self._key_of(line)
        except ConversionError as error:
            refuse_file(self._path, f"line {number}: {error}")

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, key: str) -> bytes | None:
        """Return the first line with this key, or None."""
        return next(self._lines(key), None)

    def _lines(self, key: str) -> Iterator[bytes]:
        wanted = _hash(key)
        at = bisect_left(self._hashes, wanted)
        while at < len(self._hashes) and self._hashes[at] == wanted:
            with opened(self._path) as file:
                file.seek(self._places[at])
                line = file.readline()
            if self._key_of(line) == key:
                yield line
            at += 1


def _hash(key: str) -> int:
    digest = blake2b(key.encode("utf-8", "replace"), digest_size=_OCTETS).digest()
    return int.from_bytes(digest)
