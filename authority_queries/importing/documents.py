"""The documents of a source, converted or refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID, uuid5

from pydantic import JsonValue

from authority_queries.importing.entries import AnyEntry

_NAMESPACE: Final = UUID("5c6f2b7e-1f43-4e0a-9d0b-6f0c2b8f7a11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A field that was not imported, and why. Its value is not here."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of the other store, and what it becomes: all its entries or none.

    - `id`: as the other store writes it. It is no secret.
    - `tenant`: the code of its tenant. None means the one that the caller names.
    - `position`: where the source can go on after this document.
    - `entries`: in the order in which they refer to each other. A document of a tenant
      has the TenantEntry first.
    - `dropped`: fields without a place here. Fields that are kept in `properties`,
      `attributes` or `settings` are not dropped.
    - `refused`: why it cannot be imported, without a value. It has no entries then.
    """

    id: str
    position: JsonValue
    tenant: str | None = None
    entries: Sequence[AnyEntry] = ()
    dropped: Sequence[Dropped] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection, table or file of the other store.

    `estimated` is the number of its documents, if that is cheap to know.
    """

    name: str
    estimated: int | None = None


class Source(Protocol):
    """Another store. Its methods raise SourceError."""

    @property
    def name(self) -> str:
        """The kind of the source and where it is, without a password."""

    def collections(self) -> Sequence[Collection]:
        """Return the collections, each after those that it refers to."""

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        """Yield the documents in a stable order, starting after this position.

        Documents are read one at a time or in small batches, whatever their number.
        """

    def close(self) -> None:
        """Close connections and files."""


def derive_id(tenant: str, kind: str, key: str) -> UUID:
    """Return the id of a row whose document has no UUID: the same in each run.

    `kind` is that of the entry, `key` the id of the document in the other store.
    """
    return uuid5(_NAMESPACE, f"{tenant}\n{kind}\n{key}")
