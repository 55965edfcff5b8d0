"""Which fields of documents change nothing: neither an entry nor what is dropped."""

from collections.abc import Iterator
from copy import deepcopy
from types import ModuleType
from typing import Any

import pytest

from authority_queries.importing.documents import Document, Source
from authority_queries.importing.sources.fields import Fields, document_of


class Accounting:
    """The names of all fields that were read, and of those that changed something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        self.names, self.seen = set[str](), set[str]()
        for module in modules:
            monkeypatch.setattr(module, "document_of", self._convert)

    @property
    def unseen(self) -> set[str]:
        """The fields whose absence changes no document."""
        return self.names - self.seen

    def _convert(self, fields: Fields, convert: Any, **rest: Any) -> Document:
        # A conversion may remember earlier documents, so each gets a copy.
        whole = document_of(deepcopy(fields), deepcopy(convert), **rest)
        for name, less in _without_each(fields):
            self.names.add(name)
            if document_of(less, deepcopy(convert), **rest) != whole:
                self.seen.add(name)
        return whole


def _without_each(fields: Fields) -> Iterator[tuple[str, Fields]]:
    """Yield the fields without one, for each, also for each in a list."""
    for key, (name, value) in fields._values.items():
        less = deepcopy(fields)
        del less._values[key]
        yield name, less
        for at, part in enumerate(value if isinstance(value, list) else ()):
            for inner in part if isinstance(part, dict) else ():
                less = deepcopy(fields)
                parts: Any = less._values[key][1]
                del parts[at][inner]
                yield f"{name}.{inner}", less


def read_all(source: Source) -> dict[str, list[Document]]:
    """Return all documents by collection, and close the source."""
    try:
        names = [collection.name for collection in source.collections()]
        return {name: list(source.read(name)) for name in names}
    finally:
        source.close()


def entries(documents: list[Document], kind: str) -> list[Any]:
    """Return the entries of a kind."""
    found = [entry for document in documents for entry in document.entries]
    return [entry for entry in found if entry.kind == kind]
