"""A source whose collections are lists in files."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.documents import Collection, Document
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.sources.fields import Fields, document_of


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An object of a file, and how it is converted.

    `skip` is called instead of `convert` for what an earlier run has imported.
    """

    key: str
    value: Mapping[str, JsonValue]
    convert: Callable[[Fields], Iterable[AnyEntry]]
    tenant: str | None = None
    skip: Callable[[], None] = _nothing


Items: TypeAlias = Callable[[], Iterable[Item]]


class FileSource:
    """Reads lists in files. A position is the number of a document in its list."""

    def __init__(
        self,
        name: str,
        lists: Mapping[str, Items],
        *,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self._name = name
        self._lists = lists
        self._sizes = sizes or {}

    @property
    def name(self) -> str:
        """The kind of the source and where it is."""
        return self._name

    def collections(self) -> Sequence[Collection]:
        """Return the collections, each after those that it refers to."""
        return [
            Collection(name=name, estimated=self._sizes.get(name))
            for name in self._lists
        ]

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        """Yield the documents of a collection, in the order of its files."""
        if collection not in self._lists:
            message = f"{self._name} has no collection {collection!r}"
            raise SourceError(message)
        start = after if isinstance(after, int) else 0
        for number, item in enumerate(self._lists[collection](), 1):
            if number <= start:
                item.skip()
                continue
            yield document_of(
                Fields(item.value),
                item.convert,
                key=item.key,
                position=number,
                tenant=item.tenant,
            )

    def close(self) -> None:
        """Do nothing: a file is closed when its list has been read."""
