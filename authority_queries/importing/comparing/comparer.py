"""The entry point of a comparison, for the owner of a database."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import ClassVar

from authority_queries.importing.comparing.checks import (
    KnownPassword,
    KnownToken,
    try_passwords,
    try_tokens,
)
from authority_queries.importing.comparing.judging import Judge
from authority_queries.importing.comparing.keys import KeyBook
from authority_queries.importing.comparing.lookups import Rows
from authority_queries.importing.comparing.results import CheckReport, Comparison
from authority_queries.importing.comparing.run import CompareOptions, Run
from authority_queries.importing.documents import Source
from authority_queries.repositories._sync.store import Store
from authority_queries.service._sync.pooled import Pooled
from authority_queries.service.tenant_dumps import MoveProgress


class Comparer(Pooled):
    """Compares another store with the rows that were imported from it.

    Its login is that of the migrations: the owner of the database, or a member of it.
    """

    role: ClassVar[str] = "pg_database_owner"

    def compare(
        self,
        source: Source,
        options: CompareOptions | None = None,
        *,
        passwords: Iterable[KnownPassword] = (),
        tokens: Iterable[KnownToken] = (),
        progress: Callable[[MoveProgress], object] | None = None,
    ) -> Comparison:
        """Convert the documents as an import does, and compare them with the rows here.

        Reads the source once and writes nothing. Each batch of rows is read in a
        transaction of its own, so a row that changes meanwhile may differ. Keys are
        kept in temporary files of about 50 octets each.

        Raises SourceError, UnavailableError.
        """
        options = options or CompareOptions()
        began, begun_at = monotonic(), datetime.now(UTC)
        judge = Judge(
            now=begun_at, in_use_since=options.in_use_since, refused=options.refused
        )
        with (
            self._lend() as connection,
            Store.lent(connection) as store,
            KeyBook() as book,
        ):
            rows = Rows(store)
            run = Run(rows, book, options, judge, progress)
            run.read(source)
            counts = run.match()
            checks = _checks(rows, [*passwords], [*tokens])
        tally = run.tally
        return Comparison(
            source=source.name,
            database=self.settings.describe(),
            begun_at=begun_at,
            seconds=monotonic() - began,
            sample=options.sample,
            seed=options.seed,
            in_use_since=options.in_use_since,
            collections=tally.collections(),
            rows=counts,
            findings=tally.findings(),
            refused=tally.refused(),
            dropped=tally.dropped(),
            checks=checks,
        )


def _checks(
    rows: Rows, passwords: list[KnownPassword], tokens: list[KnownToken]
) -> list[CheckReport]:
    found = []
    if passwords:
        found.append(try_passwords(rows, passwords))
    if tokens:
        found.append(try_tokens(rows, tokens))
    return found
