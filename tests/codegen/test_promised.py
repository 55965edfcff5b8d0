"""`@as`: a query whose rows are promised to be those of another one."""

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


def test_it_has_the_record_of_the_other_and_keeps_the_promise(
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
        (FIND.replace("@as get", "@as other"), "@as other: no query of this file"),
        (FIND.replace("@as get", "@as find"), "@as find: no query of this file"),
        (FIND.replace(", found.note", ""), "@as get, which has other columns"),
        (
            FIND.replace("found.id,", "found.id::integer as id,"),
            "@as get, which has other columns or types",
        ),
        (
            FIND.replace("-- @as", "-- @notnull id -- So.\n-- @as"),
            "@as get says all of its columns",
        ),
        (FIND.replace("^", "!"), "@as is for a query that gives rows"),
    ],
)
def test_what_cannot_be_promised_is_refused(
    find: str, said: str, tmp_path: Path, blank_conninfo: str
) -> None:
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, {"parts": GET + find})
    with pytest.raises(GenerationError, match=said):
        project.render()
