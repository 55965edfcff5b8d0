"""The summary of an import: the sum of its journal."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from authority_queries.importing.writing.journal_lines import (
    Batch,
    Done,
    Finished,
    Header,
    Line,
    Refusal,
    Resumed,
)

_MOST_REFUSED: Final = 1000


@dataclass(slots=True, kw_only=True)
class CollectionSummary:
    """The outcomes of a collection's documents, and of their rows by kind.

    `refused` are the first 1000 refused documents, `refusals` is the number of all.
    `dropped` counts documents by field and reason. `rowless` documents became nothing,
    such as expired tokens: all their fields were dropped.
    """

    name: str
    read: int = 0
    skipped: int = 0
    rowless: int = 0
    refusals: int = 0
    refused: list[Refusal] = field(default_factory=list)
    created: Counter[str] = field(default_factory=Counter)
    existing: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: float = 0.0
    is_done: bool = False

    @property
    def imported(self) -> int:
        """The number of documents whose rows are stored."""
        return self.read - self.skipped - self.rowless - self.refusals

    def add(self, batch: Batch) -> None:
        """Add a committed batch."""
        self.read += batch.read
        self.skipped += batch.skipped
        self.rowless += batch.rowless
        self.refusals += len(batch.refused)
        self.refused += batch.refused[: _MOST_REFUSED - len(self.refused)]
        self.created.update(batch.created)
        self.existing.update(batch.existing)
        self.updated.update(batch.updated)
        for drop in batch.dropped:
            self.dropped[drop.field, drop.reason] += drop.count
        self.seconds += batch.seconds


@dataclass(slots=True, kw_only=True)
class ImportSummary:
    """The summary of an import, with its resumed runs.

    `is_complete`: all documents were read. `resumed` has the times when it went on.
    """

    header: Header
    collections: Sequence[CollectionSummary]
    resumed: Sequence[datetime]
    finished_at: datetime | None

    @property
    def is_complete(self) -> bool:
        """Whether all documents were read."""
        return self.finished_at is not None

    @property
    def rows(self) -> int:
        """The number of rows, created or existing."""
        return self.created.total() + self.existing.total()

    @property
    def seconds(self) -> float:
        """How long the batches took."""
        return sum(each.seconds for each in self.collections)

    @property
    def refusals(self) -> int:
        """The number of refused documents."""
        return sum(each.refusals for each in self.collections)

    @property
    def created(self) -> Counter[str]:
        """The number of created rows by kind."""
        return sum((each.created for each in self.collections), Counter[str]())

    @property
    def existing(self) -> Counter[str]:
        """The number of rows by kind that were stored before."""
        return sum((each.existing for each in self.collections), Counter[str]())

    @property
    def updated(self) -> Counter[str]:
        """The number of existing rows by kind that were updated."""
        return sum((each.updated for each in self.collections), Counter[str]())


def summarize(lines: Iterable[Line]) -> ImportSummary:
    """Return the sum of a journal, whose first line is a header."""
    collections: dict[str, CollectionSummary] = {}
    header: Header | None = None
    resumed: list[datetime] = []
    finished_at: datetime | None = None
    for line in lines:
        match line:
            case Header():
                header = line
            case Resumed():
                resumed.append(line.at)
            case Finished():
                finished_at = line.at
            case Batch() | Done():
                name = line.collection
                found = collections.setdefault(name, CollectionSummary(name=name))
                if isinstance(line, Done):
                    found.is_done = True
                else:
                    found.add(line)
    if header is None:
        message = "a journal begins with its header"
        raise ValueError(message)
    return ImportSummary(
        header=header,
        collections=[*collections.values()],
        resumed=resumed,
        finished_at=finished_at,
    )
