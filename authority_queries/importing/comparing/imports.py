"""The differences that the journals of imports explain."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from authority_queries.errors import ConfigurationError
from authority_queries.importing.writing.journal import Journal
from authority_queries.importing.writing.journal_lines import Batch, Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """When the last import ended, and which documents were refused."""

    ended_at: datetime | None
    refused: frozenset[tuple[str, str]]


def read_journals(places: Iterable[Path]) -> Imports:
    """Read the journals of finished imports. Raises ConfigurationError.

    An import that is continued with the changes since has a journal of its own.
    """
    ends: list[datetime] = []
    refused: set[tuple[str, str]] = set()
    for place in places:
        count = len(ends)
        with closing(Journal.resume(place)) as journal:
            for line in journal.lines():
                if isinstance(line, Finished):
                    ends.append(line.at)
                elif isinstance(line, Batch):
                    refused |= {(line.collection, each.id) for each in line.refused}
        if len(ends) == count:
            message = f"{place} is the journal of an unfinished import: finish it first"
            raise ConfigurationError(message)
    return Imports(ended_at=max(ends, default=None), refused=frozenset(refused))
