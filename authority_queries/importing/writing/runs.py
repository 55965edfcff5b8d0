"""The work of an import, one batch after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from time import monotonic

from pydantic import JsonValue

from authority_queries.importing.documents import Collection, Document, Source
from authority_queries.importing.writing.batches import BatchWriter
from authority_queries.importing.writing.journal import Journal
from authority_queries.importing.writing.journal_lines import (
    Batch,
    Done,
    Drop,
    Finished,
    Refusal,
    positions,
)
from authority_queries.importing.writing.options import ImportOptions, ImportProgress
from authority_queries.importing.writing.outcomes import Outcome
from authority_queries.importing.writing.tenants import TenantIds
from authority_queries.repositories._sync.store import Store


class Run:
    """One run of an import: writes the batches, and a line of the journal for each."""

    def __init__(
        self,
        store: Store,
        source: Source,
        options: ImportOptions,
        journal: Journal,
        progress: Callable[[ImportProgress], object] | None,
    ) -> None:
        self._store = store
        self._source = source
        self._options = options
        self._journal = journal
        self._progress = progress
        note = {"source": source.name, "run": str(journal.header.run)}
        tenants = TenantIds(store, options.tenant, note)
        self._writer = BatchWriter(
            store, tenants, only=options.tenant, updates=options.update
        )

    def collections(self, stop: Callable[[], bool]) -> None:
        """Import the rest of all collections, until `stop` returns True."""
        done = positions(self._journal.lines())
        for collection in self._source.collections():
            last = done.get(collection.name)
            if not isinstance(last, Done):
                after = last.position if last is not None else None
                if not self._collection(collection, after, stop):
                    return
        self._journal.append(Finished(at=datetime.now(UTC)))

    def _collection(
        self, collection: Collection, after: JsonValue, stop: Callable[[], bool]
    ) -> bool:
        """Import the rest of a collection. Return False if it was stopped."""
        counts = _Counts(collection, self._journal)
        began = monotonic()
        documents = self._source.read(collection.name, after=after)
        with _closed(documents):
            while batch := [*islice(documents, self._options.batch_size)]:
                if stop():
                    return False
                counts.add(self._write(collection.name, batch, began))
                began = monotonic()
                self._report(counts, is_done=False)
        self._journal.append(Done(collection=collection.name))
        self._report(counts, is_done=True)
        return True

    def _write(
        self, collection: str, documents: Sequence[Document], began: float
    ) -> Outcome:
        """Write a batch whose reading began at this time."""
        with self._store.connection.transaction():
            outcome = self._writer.write(documents)
        self._journal.append(
            Batch(
                collection=collection,
                position=documents[-1].position,
                read=outcome.read,
                skipped=outcome.skipped,
                rowless=outcome.rowless,
                created=outcome.created,
                existing=outcome.existing,
                updated=outcome.updated,
                dropped=tuple(
                    Drop(field=field, reason=reason, count=count)
                    for (field, reason), count in outcome.dropped.items()
                    if count
                ),
                refused=tuple(
                    Refusal(id=each.id, reason=each.reason) for each in outcome.refused
                ),
                seconds=monotonic() - began,
            )
        )
        return outcome

    def _report(self, counts: "_Counts", *, is_done: bool) -> None:
        if self._progress is not None:
            self._progress(counts.progress(is_done=is_done))


class _Counts:
    def __init__(self, collection: Collection, journal: Journal) -> None:
        self._collection = collection
        self._began = monotonic()
        self._before = sum(
            line.read
            for line in journal.lines()
            if isinstance(line, Batch) and line.collection == collection.name
        )
        self._read = self._refused = 0

    def add(self, outcome: Outcome) -> None:
        self._read += outcome.read
        self._refused += len(outcome.refused)

    def progress(self, *, is_done: bool) -> ImportProgress:
        return ImportProgress(
            collection=self._collection.name,
            read=self._before + self._read,
            read_now=self._read,
            refused=self._refused,
            estimated=self._collection.estimated,
            seconds=monotonic() - self._began,
            is_done=is_done,
        )


@contextmanager
def _closed(documents: Iterator[Document]) -> Iterator[None]:
    """Close the source's generator, which may hold a cursor or a file."""
    try:
        yield
    finally:
        close = getattr(documents, "close", None)
        if close is not None:
            close()
