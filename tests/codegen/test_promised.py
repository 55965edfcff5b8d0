"""`@as`: a query with the columns of another one."""

from pathlib import Path

import psycopg
import pytest

from authority_queries.codegen.errors import GenerationError
from authority_queries.errors import BrokenPromiseError
from tests.codegen.projects import Project

SCHEMA = """
create schema shop;
create table shop.parts (
    id bigint primary key,
    state text not null check (state in ('new', 'used')),
    note text
);
insert into shop.parts values (1, 'new', null);
create function shop.find(wanted bigint) returns setof shop.parts language plpgsql
as 'begin return query select * from shop.parts where id = wanted; end';
create function shop.lie(wanted bigint) returns setof shop.parts language sql
return row(wanted, null, null)::shop.parts;
"""
GET = """-- name: get(id)^
-- A part.
-- @row Part
select parts.id, parts.state, parts.note from shop.parts where parts.id = :id;
"""
FIND = """-- name: find(id)^
-- A part, by a function.
-- @as get -- The function selects from the same table.
select found.id, found.state, found.note from shop.find(:id) as found;
"""


def test_a_query_with_as_has_the_record_of_the_other_query(
    tmp_path: Path, blank_conninfo: str
) -> None:
    lie = FIND.replace("find(", "lie(")
    queries = {"parts": GET + FIND + lie}
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, queries).generate()
    parts = project.module("queries.parts")
    with psycopg.connect(blank_conninfo) as connection:
        found = parts.find(connection, id=1)
        assert found == parts.get(connection, id=1)
        assert type(found).__name__ == "Part"
        with pytest.raises(BrokenPromiseError, match=r"parts\.lie: state is null"):
            parts.lie(connection, id=1)
    records = (tmp_path / project.package / "records.py").read_text()
    assert records.count("class ") == 1


@pytest.mark.parametrize(
    ("find", "said"),
    [
        (
            FIND.replace("@as get", "@as other"),
            "@as other: this file has no such",
        ),
        (FIND.replace("@as get", "@as find"), "@as find: this file has no such query"),
        (FIND.replace(", found.note", ""), "@as get, which has other columns"),
        (
            FIND.replace("found.id,", "found.id::integer as id,"),
            "@as get, which has other columns or types",
        ),
        (
            FIND.replace("-- @as", "-- @notnull id -- So.\n-- @as"),
            "@as get sets all columns",
        ),
        (FIND.replace("^", "!"), "@as is for a query that returns rows"),
    ],
)
def test_an_impossible_promise_is_refused(
    find: str, said: str, tmp_path: Path, blank_conninfo: str
) -> None:
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, {"parts": GET + find})
    with pytest.raises(GenerationError, match=said):
        project.render()
