"""JSON files with lists of documents, which are converted by a mapping file.

A file has a list, or an object with lists. Each list is a collection, named after the
file or after its name in the object.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.documents import Collection
from authority_queries.importing.mapping.opening import open_mapped
from authority_queries.importing.mapping.source import (
    MappedSource,
    RawDocument,
    Unreadable,
)
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.folders import files_of
from authority_queries.importing.sources.json_files import members, opened, values

_ENDINGS: Final = (".json",)
_NO_NAMES: Final[frozenset[str]] = frozenset()


class JsonDocuments:
    """The lists of files. A position is the number of a document in its list."""

    def __init__(self, location: Path) -> None:
        self._location = location
        # The file of each list, and its name if the file has an object.
        self._lists: dict[str, tuple[Path, str | None]] = {}
        for stem, path in files_of(location, _ENDINGS).items():
            for name in _names(path):
                self._lists[stem if name is None else name] = path, name

    @property
    def name(self) -> str:
        """The path."""
        return str(self._location)

    def collections(self) -> Sequence[Collection]:
        """Return the lists."""
        return [Collection(name=name) for name in self._lists]

    def read(
        self, collection: str, *, after: JsonValue = None
    ) -> Iterator[tuple[JsonValue, RawDocument | Unreadable]]:
        """Yield the documents of a list. Raises SourceError."""
        path, name = self._lists[collection]
        start = after if isinstance(after, int) else 0
        documents = islice(_documents(path, name), start, None)
        for number, document in enumerate(documents, start=start + 1):
            yield number, _checked(document)

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""


def open_source(options: SourceOptions) -> MappedSource:
    """Open JSON files. Raises SourceError, ConfigurationError."""
    location = Path(options.location.get_secret_value())
    return open_mapped("json", options, lambda _: JsonDocuments(location))


def _names(path: Path) -> Iterator[str | None]:
    """Read a file, and yield the names of the lists of its object, or None."""
    with opened(path) as file:
        begins = file.read(1)
        while begins.isspace():
            begins = file.read(1)
    if begins == b"[":
        yield None
        return
    found: list[str] = []

    def note(name: str) -> bool:
        found.append(name)
        return False

    for _ in members(path, wanted=note):
        pass
    yield from found


def _documents(path: Path, name: str | None) -> Iterator[JsonValue]:
    if name is None:
        return values(path, names=_NO_NAMES)
    names = frozenset({name})
    found = members(path, listed=names, wanted=names.__contains__)
    return (value for _, _, value in found)


def _checked(document: JsonValue) -> RawDocument | Unreadable:
    if isinstance(document, dict):
        return document
    return Unreadable("the document is no JSON object")
