"""Runs an importer, and reads what it wrote."""

from typing import Any

from authority_queries import Importer, ImportOptions, ImportSummary
from authority_queries.importing.documents import Document
from tests.importing.memory import MemorySource
from tests.operations.moving import Place


def run(importer: Importer, *held: Document, **options: Any) -> ImportSummary:
    """Import documents of one collection."""
    return importer.run(MemorySource({"all": held}), ImportOptions(**options))


def reasons(summary: ImportSummary) -> dict[str, str]:
    """Why documents were refused, by their ids."""
    return {each.id: each.reason for one in summary.collections for each in one.refused}


def rows(home: Place, query: str, *values: object) -> "list[tuple[Any, ...]]":
    """The rows of a query of a superuser."""
    return home.dba.execute(query.encode(), values).fetchall()
