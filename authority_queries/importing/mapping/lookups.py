"""Finds a field of another document by its id, in little memory."""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import IO, Final, Protocol, TypeAlias

from pydantic import JsonValue

from authority_queries.importing.conversions import ConversionError, Value, text
from authority_queries.importing.mapping.paths import FieldPath, follow

_OCTETS: Final = 8
_Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lookup:
    """The field `get` of the document of a collection whose field `by` has a value."""

    collection: str
    by: FieldPath
    get: FieldPath


class _Reader(Protocol):
    def read(
        self, collection: str, *, after: JsonValue = None
    ) -> Iterator[tuple[JsonValue, object]]:
        """Yield each document."""


class Lookups:
    """The lookups of a source. Each reads its collection once, at its first use."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._indexes: dict[Lookup, _Index] = {}

    def find(self, lookup: Lookup, key: Value) -> str:
        """Return the field of the document that a value names.

        Raises ConversionError, SourceError.
        """
        if lookup not in self._indexes:
            self._indexes[lookup] = _Index(self._pairs(lookup))
        found = self._indexes[lookup].find(text(key))
        if found is None:
            message = f"names no document of {lookup.collection}"
            raise ConversionError(message)
        return found

    def close(self) -> None:
        """Delete the temporary files."""
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()

    def _pairs(self, lookup: Lookup) -> Iterator[_Pair]:
        for _, document in self._reader.read(lookup.collection):
            try:
                key = text(follow(document, lookup.by.steps))
                yield key, text(follow(document, lookup.get.steps))
            except ConversionError:
                pass  # Such a document is found by no id, or has nothing to find.


class _Index:
    """Pairs in a temporary file without a name, and 16 octets for each in memory."""

    def __init__(self, pairs: Iterable[_Pair]) -> None:
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 -- `close` closes it
        hashes, places = array("Q"), array("Q")
        for pair in pairs:
            hashes.append(_hash(pair[0]))
            places.append(self._file.tell())
            self._file.write(json.dumps(pair).encode() + b"\n")
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        self._hashes = array("Q", (hashes[each] for each in order))
        self._places = array("Q", (places[each] for each in order))

    def find(self, key: str) -> str | None:
        wanted = _hash(key)
        at = bisect_left(self._hashes, wanted)
        while at < len(self._hashes) and self._hashes[at] == wanted:
            self._file.seek(self._places[at])
            found, value = json.loads(self._file.readline())
            if found == key:
                return str(value)
            at += 1
        return None

    def close(self) -> None:
        self._file.close()


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=_OCTETS).digest())
