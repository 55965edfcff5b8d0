"""A run reports each error of the project, with file, line and column."""

from pathlib import Path

import pytest

from authority_queries.cli import main
from tests.codegen.projects import Project

pytestmark = pytest.mark.one_version

SCHEMA = """
create table items (id int primary key, label text not null, place point);
"""
# An error of aiosql, of the rules, of an annotation, and of PostgreSQL.
ITEMS = """\
-- name: get_item(id, other)^
-- One item.
select items.label from items where items.id = :id;

-- name: list_all()
-- All items.
select * from items;

-- name: get_label(id)$
-- One label.
-- @nullable text
select items.label from items where items.id = :id;

-- name: find(label, id)
-- Some items: /* of a comment's two
-- lines */
select
    items.id,
    -- The parameter has two letters, $1 has two as well.
    'a' || :label as double, /* between */ items.lable
from items
where items.id = :id;
"""
OTHERS = """\
-- name: locate(id)^
-- Where an item is.
-- @notnull
select items.id, items.place from items where items.id = :id;

-- name: place_of(id)$
-- Where an item is.
select items.place from items where items.id = :id;
"""
ERRORS = [
    "queries/items.sql:1:1: aiosql refuses it: unused declared parameter in query "
    "get_item: ['other']; ",
    "queries/items.sql:7:8: `*` returns other columns when the table changes: ",
    "queries/items.sql:11:1: @nullable names text; there are: label",
    "queries/items.sql:20:44: PostgreSQL says: column items.lable does not exist",
    "queries/others.sql:3:1: write this tag as `@notnull column -- reason`",
    "queries/others.sql:8:8: place has the type point, which has no Python type",
]


@pytest.mark.parametrize("arguments", [["generate"], ["generate", "--check"]])
def test_a_run_reports_every_error_with_its_place(
    arguments: list[str],
    tmp_path: Path,
    blank_conninfo: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    queries = {"items": ITEMS, "others": OTHERS}
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, queries)
    monkeypatch.chdir(project.folder)
    assert main([*arguments, "--server", blank_conninfo]) == 1
    *errors, count = capfd.readouterr().err.splitlines()
    assert count == "authority: 6 errors"
    assert [
        error[: len(expected)] for error, expected in zip(errors, ERRORS, strict=True)
    ] == ERRORS
    assert not (project.folder / project.package / "records.py").exists()


def test_an_error_of_a_row_is_reported_beside_others(
    tmp_path: Path, blank_conninfo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    item = "-- name: {}(id)^\n-- One.\n-- @row Item\nselect items.{} from items\n"
    queries = {
        "a": item.format("get", "id") + "where items.id = :id;\n",
        "b": item.format("find", "label") + "where items.id = :id;\n",
        "c": "-- name: one()\n-- One.\nselect nothing.id from nothing;\n",
    }
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, queries)
    config = str(project.folder / "pyproject.toml")
    assert main(["generate", "--config", config, "--server", blank_conninfo]) == 1
    first, second, _ = capfd.readouterr().err.splitlines()
    assert first.startswith("queries/b.sql:3:1: @row Item differs from the one in")
    assert second.startswith('queries/c.sql:3:24: PostgreSQL says: relation "nothing"')


@pytest.mark.parametrize("command", ["generate", "plans"])
def test_a_failing_migration_is_named_beside_the_errors_of_queries(
    command: str, tmp_path: Path, embedded: str, capfd: pytest.CaptureFixture[str]
) -> None:
    schema = f"{SCHEMA}\ncomment on column items.no is 'Nothing.';\n"
    star = "-- name: list_all()\n-- All.\nselect * from items;\n"
    queries = {"items": star if command == "generate" else star.replace("*", "id")}
    project = Project.make(tmp_path, embedded, schema, queries)
    config = project.folder / "pyproject.toml"
    (project.folder / "sample.sql").write_text("select 1;\n")
    config.write_text(
        f'{config.read_text()}sample = "sample.sql"\nplans = "plans.txt"\n'
    )
    assert main([command, "--config", str(config), "--server", embedded]) == 1
    errors = capfd.readouterr().err
    assert '0001_begin.sql:4: column "no" of relation "items"' in errors
    assert ("items.sql:3:8: `*` returns other columns" in errors) == (
        star in queries["items"]
    )
