"""`Importer`: documents become rows, once."""

from collections import Counter

import pytest

from authority_queries.importing.importer import Importer, ImportOptions
from authority_queries.importing.writing.summaries import ImportSummary
from authority_queries.importing.writing.tables import TABLES
from tests.importing.memory import (
    EVERY_KIND,
    MemorySource,
    every_kind,
)
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version


def run(home: Place, source: MemorySource, **options: object) -> ImportSummary:
    with Importer.open(home.settings("owner")) as importer:
        return importer.run(source, ImportOptions(**options))  # type: ignore[arg-type]


def test_every_kind_is_imported_once(home: Place) -> None:
    expected = Counter(entry.kind for entry in EVERY_KIND)
    assert set(expected) == set(TABLES)
    first = run(home, every_kind())
    assert first.collections[0].refused == []
    # The tenant came with its own admin and openid.
    assert first.existing == Counter(role=1, scope=1)
    assert first.created == expected - first.existing
    again = run(home, every_kind())
    assert (again.created, again.existing) == (Counter(), expected)
