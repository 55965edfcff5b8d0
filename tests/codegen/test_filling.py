"""`authority format` fills the column lists of queries that share a `@row`."""

import re
import shutil
from pathlib import Path

import pytest
from aiosql.types import SQLOperationType

from authority_queries.cli import main
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.filling.column_lists import Statement
from authority_queries.codegen.filling.fill import lists_of_folder, texts_with
from authority_queries.codegen.filling.wanted_columns import FilledList
from authority_queries.codegen.reading.source import Source, split
from authority_queries.resources import QUERIES
from tests.own_queries import own_queries

pytestmark = pytest.mark.one_version

WITH_ROWS = {
    SQLOperationType.SELECT,
    SQLOperationType.SELECT_ONE,
    SQLOperationType.INSERT_RETURNING,
}
FIRST = """\
-- name: get_by_id(id)^
-- The item.
-- @row Item
select
    items.id,
    items.label,
    items.price
from shop.items
where items.id = :id;

"""
HEAD = "-- name: other()^\n-- The item.\n-- @row Item\n"


def filled(folder: Path, text: str) -> str:
    """Fill the lists of a file with this text."""
    path = folder / "a.sql"
    path.write_text(text)
    return texts_with(list(lists_of_folder(folder))).get(path, text)


def write(lists: list[FilledList]) -> None:
    for path, text in texts_with(lists).items():
        path.write_text(text)


def other_filled(folder: Path, text: str) -> str:
    """Fill a second query of the row."""
    written = filled(folder, FIRST + HEAD + text)
    assert written.startswith(FIRST + HEAD)
    return written.removeprefix(FIRST + HEAD)


def test_a_list_gets_what_it_lacks_and_loses_what_the_row_has_not(
    tmp_path: Path,
) -> None:
    assert other_filled(
        tmp_path, "select o.price, o.old, o.id from shop.old_items as o;\n"
    ) == ("select\n    o.id, o.label, o.price\nfrom shop.old_items as o;\n")


def test_a_list_keeps_expressions_of_its_own(tmp_path: Path) -> None:
    assert other_filled(
        tmp_path,
        "insert into shop.items (id) values (1)\n"
        "returning items.label is distinct from 'a' as label, items.id, 0 as price;\n",
    ) == (
        "insert into shop.items (id) values (1)\nreturning\n"
        "    items.id, items.label is distinct from 'a' as label, 0 as price;\n"
    )


def test_each_list_of_a_union_is_filled(tmp_path: Path) -> None:
    assert other_filled(
        tmp_path,
        "select\n    a.id\nfrom shop.a\nunion all\nselect\n    b.id\nfrom shop.b\n"
        "order by id;\n",
    ) == (
        "select\n    a.id, a.label, a.price\nfrom shop.a\nunion all\nselect\n"
        "    b.id, b.label, b.price\nfrom shop.b\norder by id;\n"
    )


def test_a_cte_gets_the_columns_that_a_filled_list_selects_from_it(
    tmp_path: Path,
) -> None:
    assert other_filled(
        tmp_path,
        "with found as (\n    select\n        items.id,\n        items.shop_id\n"
        "    from shop.items\n)\n\n"
        "select\n    f.id\nfrom found as f\n"
        "inner join shop.shops on f.shop_id = shops.id;\n",
    ) == (
        "with found as (\n    select\n"
        "        items.id, items.label, items.price, items.shop_id\n"
        "    from shop.items\n)\n\n"
        "select\n    f.id, f.label, f.price\nfrom found as f\n"
        "inner join shop.shops on f.shop_id = shops.id;\n"
    )


def test_a_cte_loses_a_column_of_the_row_that_nothing_else_reads(
    tmp_path: Path,
) -> None:
    cte = "with made as (insert into shop.items (id) values (1) returning\n    {})\n"
    assert other_filled(
        tmp_path,
        cte.format("items.id, items.old, items.label, items.price, items.kind")
        + "\nselect made.id, made.old, made.label, made.price\nfrom made\n"
        "where made.kind = 1;\n",
    ) == (
        cte.format("items.id, items.label, items.price, items.kind")
        + "\nselect\n    made.id, made.label, made.price\nfrom made\n"
        "where made.kind = 1;\n"
    )


def test_a_recursive_cte_is_filled_in_both_parts(tmp_path: Path) -> None:
    assert other_filled(
        tmp_path,
        "with recursive t as (\n    select\n        items.id\n    from shop.items\n"
        "    union all\n    select\n        parents.id\n    from t\n"
        "    inner join shop.items as parents on t.id = parents.child_id\n)\n\n"
        "select\n    t.id\nfrom t\nunion all\nselect\n    u.id\nfrom t as u;\n",
    ) == (
        "with recursive t as (\n"
        "    select\n        items.id, items.label, items.price\n    from shop.items\n"
        "    union all\n"
        "    select\n        parents.id, parents.label, parents.price\n    from t\n"
        "    inner join shop.items as parents on t.id = parents.child_id\n)\n\n"
        "select\n    t.id, t.label, t.price\nfrom t\nunion all\n"
        "select\n    u.id, u.label, u.price\nfrom t as u;\n"
    )


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ('"A.b".id', '"A.b".id, "A.b".label, "A.b".price'),
        ("shop.items.id", "shop.items.id, shop.items.label, shop.items.price"),
        ("id", "id, label, price"),
        (
            "items.price, 'ß, € and 🔒' as label, items.id",
            "items.id, 'ß, € and 🔒' as label, items.price",
        ),
    ],
)
def test_a_table_is_written_as_in_the_rest_of_the_list(
    tmp_path: Path, written: str, wanted: str
) -> None:
    filled = other_filled(tmp_path, f"select\n    {written}\nfrom a where 'ü' = 'ü';\n")
    assert filled == f"select\n    {wanted}\nfrom a where 'ü' = 'ü';\n"


def test_a_query_that_is_as_another_one_has_its_columns(tmp_path: Path) -> None:
    text = FIRST + "-- name: other()^\n-- It.\n-- @as get_by_id -- The same view.\n"
    unfilled = f"{text}select\n    i.id\nfrom shop.f() as i;\n"
    assert filled(tmp_path, unfilled) == (
        f"{text}select\n    i.id, i.label, i.price\nfrom shop.f() as i;\n"
    )


def test_a_list_of_few_lines_is_up_to_date_and_the_first_has_a_line_a_column(
    tmp_path: Path,
) -> None:
    one_line = FIRST.replace(",\n   ", ",")
    text = f"{HEAD}select\n    items.id, items.label, items.price\nfrom shop.items;\n"
    assert filled(tmp_path, one_line + text) == FIRST + text
    assert not any(found.is_stale for found in lists_of_folder(tmp_path))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "select\n    items.id,\n    1 as extra\nfrom shop.items;\n",
            "`extra` is not a column of @row Item (sql/a.sql:1 get_by_id): add it",
        ),
        (
            "select\n    a.id,\n    b.label\nfrom shop.a\ncross join shop.b;\n",
            "`price` of @row Item (sql/a.sql:1 get_by_id) has no clear table here:"
            " write it into this list",
        ),
        (
            "select\n    items.id, -- its key\n    items.label\nfrom shop.items;\n",
            "a comment in a list that is filled: move it above the query",
        ),
    ],
    ids=["an expression too many", "several tables", "a comment"],
)
def test_what_only_a_person_can_write_is_refused(
    tmp_path: Path, written: str, told: str
) -> None:
    (tmp_path / "sql").mkdir()
    with pytest.raises(GenerationError) as caught:
        other_filled(tmp_path / "sql", written)
    assert str(caught.value).startswith(f"sql/a.sql:15:5: {told}")


def test_a_computed_column_of_the_row_is_not_copied(tmp_path: Path) -> None:
    first = FIRST.replace("items.price", "items.price * 2 as price")
    with pytest.raises(GenerationError, match=r"`price` of .* is computed: write it"):
        filled(tmp_path, f"{first}{HEAD}select\n    items.id\nfrom shop.items;\n")


def test_a_column_that_is_added_to_a_row_or_removed_is_so_in_every_list(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "queries"
    shutil.copytree(QUERIES, folder)
    before = {path: path.read_text() for path in folder.glob("*.sql")}
    # A CTE with a part of a row of several tables keeps all its columns.
    declaring = [
        found
        for found in lists_of_folder(folder)
        if found.declares and len({column.table for column in found.columns}) == 1
    ]
    assert len(declaring) >= 15
    for path in before:
        text = path.read_text()
        for found in declaring:
            if found.statement.block.source.path == path:
                column = found.columns[0]
                place = text.index(f"\n    {column.text},", found.found.start - 5)
                text = f"{text[:place]}\n    {column.table}added,{text[place:]}"
        path.write_text(text)
    lists = list(lists_of_folder(folder))
    write(lists)
    assert len(lists) >= len(declaring) * 3
    unfilled = [
        list_.difference
        for list_ in lists_of_folder(folder)
        if "added" not in list_.found.by_name
        and len({column.table for column in list_.columns}) == 1
    ]
    assert unfilled == []
    for path in before:
        path.write_text(re.sub(r"^    \w+\.added,\n", "", path.read_text(), flags=re.M))
    write(list(lists_of_folder(folder)))
    assert {path: path.read_text() for path in before} == before


def test_a_query_that_returns_the_columns_of_a_row_says_which_row() -> None:
    queries = {(query.path, query.name): query for query in own_queries()}
    untold, rows = {}, set()
    for path in QUERIES.glob("*.sql"):
        for block in split(Source.read(path)):
            query = queries[path, block.name]
            if query.operation not in WITH_ROWS:
                continue
            columns = tuple(Statement(block).lists[0].by_name)
            if query.tags.row or query.tags.rows_of:
                rows.add(columns)
            else:
                untold[query.place] = columns
    assert len(rows) > 30
    assert [place for place, columns in untold.items() if columns in rows] == []


def test_the_command_names_a_stale_list_and_writes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "queries").mkdir()
    path = tmp_path / "queries" / "a.sql"
    path.write_text(f"{FIRST}{HEAD}select\n    items.id, items.old\nfrom shop.items;\n")
    config = tmp_path / "pyproject.toml"
    config.write_text('[tool.authority]\nqueries = "queries"\noutput = "queries"\n')
    arguments = ["format", f"--config={config}"]
    assert main([*arguments, "--check"]) == 1
    told = capsys.readouterr()
    assert told.out == (
        "queries/a.sql:15:5: other: + items.label, + items.price, - items.old;"
        " see @row Item (queries/a.sql:1 get_by_id)\n"
    )
    assert told.err == ("authority: 1 column lists are stale: run `authority format`\n")
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith("1 of 2 column lists filled\n")
    assert main([*arguments, "--check"]) == 0
    assert capsys.readouterr().out == ""
