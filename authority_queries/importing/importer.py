"""The entry point of an import: writes the documents of a source."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import ClassVar, Final
from uuid import uuid4

from pydantic import JsonValue

from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Collection, Document, Source
from authority_queries.importing.writing.batches import BatchWriter
from authority_queries.importing.writing.journal import (
    Batch,
    Done,
    Drop,
    Finished,
    Header,
    Journal,
    Refusal,
    positions,
    resumed,
)
from authority_queries.importing.writing.outcomes import Outcome
from authority_queries.importing.writing.reports import write_report
from authority_queries.importing.writing.summaries import ImportSummary, summarize
from authority_queries.importing.writing.tenants import TenantIds
from authority_queries.repositories._sync.store import Store
from authority_queries.service._sync.pooled import Pooled

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """How many documents of a collection were read so far, and by this run.

    `estimated` is the number of all, if it is known. `seconds` is the time of this run.
    """

    collection: str
    read: int
    read_now: int
    refused: int
    estimated: int | None
    seconds: float
    is_done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a source is imported.

    - `tenant`: the code of a tenant. Documents of other tenants are skipped, and those
      that name none belong to it. It is created if it does not exist.
    - `dry_run`: all is done in one transaction, which is rolled back.
    - `journal`: a file with a line for each committed batch. Without one, an import
      that was stopped begins again.
    - `resume`: go on after the last batch of the journal.
    - `report`: a file for the report, as JSON, with a page beside it for people. An
      import that fails writes it, too.
    - `batch_size`: the number of documents in one transaction.
    """

    tenant: str | None = None
    dry_run: bool = False
    journal: Path | None = None
    resume: bool = False
    report: Path | None = None
    batch_size: int = _BATCH

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            message = f"batch_size must be 1 or more, not {self.batch_size}"
            raise ConfigurationError(message)
        if self.resume and (self.journal is None or self.dry_run):
            message = "resume needs the journal of an import that was no dry run"
            raise ConfigurationError(message)


class Importer(Pooled):
    """Imports the documents of other stores.

    Its login is that of the migrations: the owner of the database, or a member of it.
    """

    role: ClassVar[str] = "pg_database_owner"

    def run(
        self,
        source: Source,
        options: ImportOptions | None = None,
        *,
        progress: Callable[[ImportProgress], object] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> ImportSummary:
        """Import all documents, one batch in each transaction, and return the sum.

        A document that is refused changes nothing and does not stop the import. A
        document whose rows are stored already changes nothing. Ends after the present
        batch if `stop` returns True; the result is not complete then. Whenever it ends,
        an import with the same journal and `resume` goes on.

        Raises SourceError, ConfigurationError, UnavailableError.
        """
        options = options or ImportOptions()
        with (
            self._lend() as connection,
            Store.lent(connection) as store,
            closing(self._open_journal(source, options, store)) as journal,
        ):
            work = _Run(store, source, options, journal, progress)
            try:
                if options.dry_run:
                    with connection.transaction(force_rollback=True):
                        work.collections(stop or _never)
                else:
                    work.collections(stop or _never)
            finally:
                summary = summarize(journal.lines())
                if options.report is not None:
                    write_report(options.report, summary, journal.lines)
            return summary

    def _open_journal(
        self, source: Source, options: ImportOptions, store: Store
    ) -> Journal:
        header = Header(
            run=uuid4(),
            source=source.name,
            database=self.settings.describe(),
            login=store.connection.info.user,
            tenant=options.tenant,
            is_dry_run=options.dry_run,
            at=datetime.now(UTC),
        )
        if options.resume and options.journal is not None:
            return resumed(options.journal, header)
        place = None if options.dry_run else options.journal
        return Journal.begin(place, header)


class _Run:
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
        self._writer = BatchWriter(store, tenants, options.tenant)

    def collections(self, stop: Callable[[], bool]) -> None:
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
        documents = self._source.read(collection.name, after=after)
        with _closed(documents):
            while batch := [*islice(documents, self._options.batch_size)]:
                if stop():
                    return False
                counts.add(self._write(collection.name, batch))
                self._report(counts, is_done=False)
        self._journal.append(Done(collection=collection.name))
        self._report(counts, is_done=True)
        return True

    def _write(self, collection: str, documents: Sequence[Document]) -> Outcome:
        began = monotonic()
        with self._store.connection.transaction():
            outcome = self._writer.write(documents)
        self._journal.append(
            Batch(
                collection=collection,
                position=documents[-1].position,
                read=outcome.read,
                skipped=outcome.skipped,
                created=outcome.created,
                existing=outcome.existing,
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


def _never() -> bool:
    return False
