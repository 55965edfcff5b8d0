"""Rules of all query files, so that a new query is covered by what exists."""

import re

import psycopg
import pytest

from authority_queries import Store
from authority_queries._resources import QUERIES
from authority_queries._sync.query_file import QueryFile
from authority_queries._sync.repository import Repository
from authority_queries.codegen.model import Query
from authority_queries.codegen.reading.query_files import read_folder
from tests.every_query import names_by_file
from tests.stores import Logins

ALL = read_folder(QUERIES)
# Of no tenant, and not the operators' either: what comes before a tenant is known.
_TRANSACTIONS = {
    f"tenants.{name}" for name in ("begin", "begin_on_standby", "begin_alone", "commit")
}
OF_NO_TABLE = {"revocations.listen", *_TRANSACTIONS}
OF_NOBODY = {
    "revocations.listen",
    "server.describe",
    "server.get_process_id",
    "server.list_applied_migrations",
    "tenants.find",
    *_TRANSACTIONS,
}


def full_name(query: Query) -> str:
    return f"{query.path.stem}.{query.name}"


every_query = pytest.mark.parametrize("query", ALL, ids=full_name)


def test_the_generator_reads_what_the_run_time_loads() -> None:
    assert sorted(map(full_name, ALL)) == sorted(map(".".join, names_by_file()))


def test_there_is_one_repository_for_each_file(logins: Logins) -> None:
    with psycopg.connect(logins.app) as connection:
        repositories = {
            name
            for name, value in vars(Store(connection)).items()
            if isinstance(value, Repository)
        }
    assert repositories == {query.path.stem for query in ALL}


@every_query
def test_a_query_says_what_it_gives(query: Query) -> None:
    assert query.doc
    assert query.doc.endswith(".")


@every_query
def test_a_query_is_found_at_the_line_that_is_announced(query: Query) -> None:
    function = getattr(QueryFile(query.path).queries, query.name)
    assert function.__code__.co_firstlineno == query.line
    line = query.path.read_text().splitlines()[query.line - 1]
    assert re.match(rf"-- name: {query.name}\(", line)


@every_query
def test_a_query_is_bound_to_its_tenant_or_an_operators(query: Query) -> None:
    if full_name(query) in OF_NOBODY:
        assert "tenant_id" not in query.parameters
        assert query.tags.role != "authority_maintenance"
    else:
        is_operators = query.tags.role == "authority_maintenance"
        assert "tenant_id" in query.parameters or is_operators


@every_query
def test_a_query_asks_the_one_clock(query: Query) -> None:
    if query.path.stem == "server":
        return  # what `authority doctor` asks is the machine's own
    other_clocks = r"\b(now|(statement|clock|transaction)_timestamp)\s*\("
    assert not re.search(other_clocks, query.sql)
    assert not re.search(r"\b(current|local)_?(timestamp|date|time)\b", query.sql)


@every_query
def test_a_query_spells_out_its_schema(query: Query) -> None:
    assert " offset " not in query.sql
    names_none = query.path.stem == "server" or full_name(query) in OF_NO_TABLE
    assert names_none or "authority." in query.sql
