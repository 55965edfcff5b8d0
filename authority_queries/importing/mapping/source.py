"""A source whose documents are converted by a mapping file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pydantic import JsonValue

from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Collection, Document
from authority_queries.importing.mapping.compiling import Mapped
from authority_queries.importing.mapping.lookups import Lookups
from authority_queries.importing.mapping.mapper import Mapper
from authority_queries.importing.sources import SourceOptions


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A document that is damaged, while those after it can be read."""

    reason: str


RawDocument: TypeAlias = Mapping[str, object]


class RawReader(Protocol):
    """Reads documents as they are. Its methods raise SourceError.

    A value is what JSON has, or a UUID, a datetime, octets, or a type of BSON. None is
    no value.
    """

    @property
    def name(self) -> str:
        """Where the documents are, without a password."""

    def collections(self) -> Sequence[Collection]:
        """Return the collections, in any order."""

    def read(
        self, collection: str, *, after: JsonValue = None
    ) -> Iterator[tuple[JsonValue, RawDocument | Unreadable]]:
        """Yield each document with the position after it, in a stable order."""

    def close(self) -> None:
        """Close connections and files."""


class MappedSource:
    """A source with the documents of a reader, and the entries of a mapping."""

    def __init__(
        self, kind: str, reader: RawReader, mapped: Mapped, options: SourceOptions
    ) -> None:
        self._kind = kind
        self._reader = reader
        self._mapped = mapped
        self._options = options
        self._lookups = Lookups(reader)
        if options.since is not None:
            self._check_since()

    @property
    def name(self) -> str:
        """The kind and the place of the source."""
        return f"{self._kind}:{self._reader.name}"

    def collections(self) -> Sequence[Collection]:
        """Return the collections of the mapping, each after those it refers to.

        Raises ConfigurationError for a collection of the source that has no rules.
        """
        found = {each.name: each for each in self._reader.collections()}
        unknown = sorted(found.keys() - self._mapped.collections.keys())
        if unknown:
            message = (
                f"mapping {self._mapped.path} has no rules for {', '.join(unknown)}: "
                f"add a section such as [collections.{unknown[0]}], with entries or "
                "with the reason for ignore"
            )
            raise ConfigurationError(message)
        return [found[name] for name in self._mapped.collections if name in found]

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        """Yield the documents, converted or refused."""
        since = self._options.since
        rules = self._mapped.collections[collection]
        mapper = Mapper(rules, self._options.tenant, self._lookups)
        for position, raw in self._reader.read(collection, after=after):
            if isinstance(raw, Unreadable):
                yield mapper.refuse(raw.reason, position)
                continue
            if since is not None:
                changed_at = mapper.changed_at(raw)
                if changed_at is not None and changed_at < since:
                    continue
            yield mapper.convert(raw, position)

    def close(self) -> None:
        """Close the reader and the lookups."""
        self._lookups.close()
        self._reader.close()

    def _check_since(self) -> None:
        missing = [
            name
            for name, rules in self._mapped.collections.items()
            if rules.changed_at is None and rules.ignore is None
        ]
        if missing:
            message = (
                f"mapping {self._mapped.path} has no changed_at for "
                f"{', '.join(missing)}: add it, or use --update without --since"
            )
            raise ConfigurationError(message)
