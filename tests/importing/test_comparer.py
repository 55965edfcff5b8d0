"""`Comparer`: what differs between a source and the rows here is found and named."""

import pytest

from authority_queries.importing.comparing import CompareOptions, Comparer, Comparison
from authority_queries.importing.comparing.results import Finding
from authority_queries.importing.importer import Importer
from tests.importing.damages import DAMAGES, Damage, Found, damage, house
from tests.importing.memory import EVERY_KIND, MemorySource
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

FULL = CompareOptions(sample=None)


@pytest.fixture(scope="module")
def imported(home: Place) -> Place:
    """A database with the rows of `house`."""
    with Importer.open(home.settings("owner")) as importer:
        summary = importer.run(house())
    assert [each.refused for each in summary.collections if each.refused] == []
    return home


def compare(
    place: Place, source: MemorySource, options: CompareOptions = FULL
) -> Comparison:
    with Comparer.open(place.settings("owner")) as comparer:
        return comparer.compare(source, options)


def unexplained(found: Comparison) -> list[Finding]:
    return [each for each in found.findings if each.rule is None]


def named(found: Comparison) -> list[Found]:
    return sorted(
        (
            (each.what, each.kind, each.field, example.tenant, example.document)
            for each in unexplained(found)
            for example in each.examples
        ),
        key=str,
    )


def expected(*damages: Damage) -> list[Found]:
    return sorted((found for each in damages for found in each.found), key=str)


def test_imported_rows_do_not_differ(imported: Place) -> None:
    found = compare(imported, house())
    assert unexplained(found) == []
    assert found.is_same
    kinds = {each.kind for each in found.rows if each.source}
    assert kinds == {each.kind for each in EVERY_KIND}
    assert all(each.missing == 0 for each in found.rows)
    counts = {
        (each.collection, each.tenant): (each.documents, each.compared)
        for each in found.collections
    }
    assert counts["users", "acme"] == (7, 7)
    assert counts["others", "other"] == (2, 2)


def test_each_damage_is_found_and_named(imported: Place) -> None:
    assert len(DAMAGES) >= 10
    damage(imported.dba, DAMAGES)
    found = compare(imported, house())
    assert named(found) == expected(*DAMAGES)
