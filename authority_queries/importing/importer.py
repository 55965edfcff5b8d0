"""The entry point of an import: writes the documents of a source."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid4

from authority_queries.importing.documents import Source
from authority_queries.importing.writing.journal import Journal, resumed
from authority_queries.importing.writing.journal_lines import Header
from authority_queries.importing.writing.options import ImportOptions, ImportProgress
from authority_queries.importing.writing.reports import write_report
from authority_queries.importing.writing.runs import Run
from authority_queries.importing.writing.summaries import ImportSummary, summarize
from authority_queries.repositories._sync.store import Store
from authority_queries.service._sync.pooled import Pooled


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
        document whose rows are stored already changes nothing, without `update`. Ends
        after the present batch if `stop` returns True; the result is not complete then.
        Whenever it ends, an import with the same journal and `resume` goes on.

        Raises SourceError, ConfigurationError, UnavailableError.
        """
        options = options or ImportOptions()
        with (
            self._lend() as connection,
            Store.lent(connection) as store,
            closing(self._open_journal(source, options, store)) as journal,
        ):
            work = Run(store, source, options, journal, progress)
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
            is_update=options.update,
            since=options.since,
            mapping=options.mapping_digest(),
            at=datetime.now(UTC),
        )
        if options.resume and options.journal is not None:
            return resumed(options.journal, header)
        place = None if options.dry_run else options.journal
        return Journal.begin(place, header)


def _never() -> bool:
    return False
