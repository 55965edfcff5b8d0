"""Each index names the queries that it serves, and their plans use it."""

import re
from pathlib import Path

import pytest

from authority_queries.resources import MIGRATIONS
from tests.every_query import names_by_file

PLANS = Path("queries/plans.txt")
INDEX = re.compile(
    r"(?P<above>(?:^--.*\n)*)^create (?:unique )?index if not exists\s+(?P<name>\w+)",
    re.M,
)
QUERY = re.compile(r"\b[a-z_]+\.[a-z_]+\b")


def served() -> dict[str, str]:
    """Return the comment above each index that a migration creates."""
    files = [
        path.read_text(encoding="utf-8")
        for path in sorted(Path(MIGRATIONS).glob("*.sql"))
    ]
    return {
        found["name"]: " ".join(found["above"].replace("-- ", "").split())
        for text in files
        for found in INDEX.finditer(text)
    }


def plans() -> dict[str, str]:
    """Return the plan of each query."""
    blocks = PLANS.read_text(encoding="utf-8").split("\n\n")
    return {block.partition("\n")[0].strip(): block for block in blocks}


INDEXES = served()
PLAN_OF = plans()
QUERIES = {f"{file}.{query}" for file, query in names_by_file()}


# Their statements are inside functions, which plans do not show.
IN_FUNCTIONS = {
    "audit_events.seal",
    "audit_events.verify",
    "erasures.erase_user",
    "exports.list_rows",
    "monitoring.list_work",
}


def test_indexes_are_found() -> None:
    assert len(INDEXES) > 25


@pytest.mark.parametrize("name", INDEXES)
def test_the_readers_of_an_index_use_it(name: str) -> None:
    purpose = INDEXES[name]
    _, serves, readers = purpose.partition("Serves ")
    readers, foreign_key, _ = readers.partition("the foreign key")
    served = set(QUERY.findall(readers))
    assert {*QUERY.findall(purpose)} <= QUERIES
    assert served or foreign_key or (not serves and purpose.startswith("Enforces "))
    used = {query for query in served if name in PLAN_OF[query]}
    assert used == served - IN_FUNCTIONS
