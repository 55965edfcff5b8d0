"""`Comparer`: what differs between a source and the rows here is found and named."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from authority_queries.importing.comparing import (
    CompareOptions,
    Comparer,
    Comparison,
)
from authority_queries.importing.importer import Importer
from tests.importing.memory import EVERY_KIND, MemorySource, every_kind
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

FULL = CompareOptions(sample=None)


@pytest.fixture(scope="module")
def imported(home: Place) -> Place:
    """A database with the rows of `every_kind`."""
    with Importer.open(home.settings("owner")) as importer:
        assert importer.run(every_kind()).refusals == 0
    return home


def compare(
    place: Place, source: MemorySource, options: CompareOptions = FULL
) -> Comparison:
    with Comparer.open(place.settings("owner")) as comparer:
        return comparer.compare(source, options)


def test_imported_rows_do_not_differ(imported: Place) -> None:
    found = compare(imported, every_kind())
    unexplained = [each for each in found.findings if each.rule is None]
    assert unexplained == []
    assert found.is_same
    assert {each.kind for each in found.rows} == {each.kind for each in EVERY_KIND}
    assert all(each.missing == 0 for each in found.rows)
