"""The SQL runs as it is written: each known trap is refused, or proved harmless."""

from pathlib import Path

import pytest

from authority_queries.codegen.reading.source import scan
from tests.codegen.query_text import read_one, refusal

SLICE = "write `[1 : 2]`"
STRING = "write a plain string"
APOSTROPHE = "an apostrophe in a comment"
COMMENT = "write `--` comments"
HIDDEN = "aiosql would begin a query here"
UNDECLARED = "undeclared parameter"

HARMLESS = {
    "percent": "select 5 % 2 as c, '100%' as d, '%s %(b)s' as e, 'a' like '%%' as f",
    "spaced slice": "select t.c[1 : 2] as c, t.c[:b : :b] as d, t.c[: 2] as e from t",
    "cast": "select :b::text as c, :b::int[] as d, (:b)::int as e",
    "times": "select 'a :c' as c, '12:30:45' as d, '::' as e, \":b\" as f from t",
    "arrows": "select f(c=>:b, d:=:b) as c, t.d->>':b' as e from t where t.e<:b",
    "question marks": "select 1 as c from t where t.d ? :b and t.d @? '$.a'",
    "block comment": "select /* :b ' it's */ :b as c /* -- name: y() */",
    "block comment of lines": "select /*\n-- name: y()\nselect :c\n*/ :b as c",
    "comment mark in a string": "select '/* -- */' as c, :b as d /* x */",
    "apostrophe in a whole line": "select\n-- don't :c\n:b as c, 'it''s' as d",
    "one apostrophe": "select :b as c, -- don't\n:b as d",
    "parameter in a comment": "select :b as c -- and :b",
    "hint": "select /*+ SeqScan(t) */ :b as c",
    "strings of all kinds": "select U&'\\0061' as c, N'x' as d, X'1F' as e",
    "not ASCII": "select 'é' as \"ü\", :b as c -- ß",
    "joined strings": "select 'a'\n'b' as c",
}
# The line counts from `-- name:`, which is the first.
REFUSED = [
    pytest.param("select t.c[1:2] as d from t", 2, SLICE, id="slice"),
    pytest.param("select t.c[:2] as d from t", 2, SLICE, id="slice from the start"),
    pytest.param("select t.c[1:t.d] as d from t", 2, UNDECLARED, id="slice to column"),
    pytest.param("select t.c[:b:b] as d from t", 2, SLICE, id="slice of parameters"),
    pytest.param("select\n:b.c as d", 3, "write `(:a).b`", id="attribute"),
    pytest.param("select\n$$:b$$ as c", 3, STRING, id="dollar quotes"),
    pytest.param("select $$\n:c$$ as c", 3, UNDECLARED, id="another in dollar quotes"),
    pytest.param("select\n$$1:2$$ as c", 3, STRING, id="time in dollar quotes"),
    pytest.param("select $$/* */$$ as c", 2, STRING, id="comment in dollar quotes"),
    pytest.param("select\nE'\\' :b' as c", 3, STRING, id="escape string"),
    pytest.param("select E'\\'' as c,\n:b as d, '' as e", 3, APOSTROPHE, id="escape"),
    pytest.param("select 1 as c, -- don't\n:b as d, -- can't\n 2 as e", 3, APOSTROPHE,
                 id="apostrophes in comments"),
    pytest.param("select $$'$$ as c,\n:b as d, '' as e", 3, APOSTROPHE,
                 id="apostrophe in dollar quotes"),
    pytest.param("select\n'a\n-- b\nc' as c", 3, STRING, id="comment line in a string"),
    pytest.param("select\n'a  \nc' as c", 3, STRING, id="spaces in a string"),
    pytest.param("select\n'a\u2028c' as c", 3, STRING, id="separator in a string"),
    pytest.param("select 1 as c -- a\x0cand b", 3, COMMENT, id="form feed"),
    pytest.param("select/* */1 as c", 2, COMMENT, id="comment for a space"),
    pytest.param("select /* /* */\nb */ 1 as c", 3, COMMENT, id="nested comments"),
    pytest.param("select\n'-- name: y()' as c", 3, HIDDEN, id="name in a string"),
    pytest.param("select\n1 as c -- name: y()", 3, HIDDEN, id="name behind SQL"),
    pytest.param("-- see -- name: y()\nselect 1 as c", 2, HIDDEN, id="in a comment"),
    pytest.param("select\n--\nname :: text from t", 3, HIDDEN, id="column name"),
    pytest.param("select /*+ -- name: y() */ 1 as c", 1, "aiosql refuses",
                 id="name in a hint"),
    pytest.param("select :b$c as d", 2, "letters, digits and _", id="dollar in a name"),
    pytest.param("select\n$1 as c", 3, "$1 has no value", id="number"),
]  # fmt: skip


@pytest.mark.parametrize("sql", HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_trap_is_accepted(tmp_path: Path, sql: str) -> None:
    query = read_one(tmp_path, f"-- name: x(b)\n{sql}\nlimit :b")
    assert query.parameters == ("b",)
    assert "limit %(b)s" in query.sql


@pytest.mark.parametrize(("sql", "line", "said"), REFUSED)
def test_a_trap_is_refused_at_its_line(
    tmp_path: Path, sql: str, line: int, said: str
) -> None:
    # The limit keeps aiosql from refusing first.
    text = f"-- name: before()\nselect 'é' as a;\n-- name: x(b)\n{sql}\nlimit :b;\n"
    message = refusal(tmp_path, a=text)
    assert message.startswith(f"sql/a.sql:{line + 2}: ")
    assert said in message


def test_an_error_shows_both_texts(tmp_path: Path) -> None:
    message = refusal(tmp_path, a="-- name: x()\nselect t.c[1:2] as d from t")
    assert "`:2] as d` is written, but `$1] as d" in message


@pytest.mark.parametrize(
    "sql", ["select 1 as c -- :b", "select 1 as c, ':b' as d -- :b"]
)
def test_a_parameter_of_a_comment_alone_is_refused(tmp_path: Path, sql: str) -> None:
    message = refusal(tmp_path, a=f"-- name: x(b)\n{sql}\n")
    assert message.startswith("sql/a.sql:1: parameter `b` is only in a comment")


def test_a_script_runs_as_it_is_written(tmp_path: Path) -> None:
    text = "-- name: x()#\nselect *, 5 % 2 from t; /* a */ select ':b';\ntable t;\n"
    query = read_one(tmp_path, text)
    assert "select /* a.x */ *, 5 % 2 from t;" in query.sql


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("-- name: x#\nselect 1;\nselect :b;", 3, "take no parameters"),
        ("-- name: x()#\nselect 1;\nselect 'a\n--b\n';", 3, STRING),
        (
            "-- name: x(b)!\n-- @copy\ncopy t (c) from stdin\nwith (null :b)",
            4,
            "take no parameters",
        ),
    ],
)
def test_statements_without_parameters_are_compared_too(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    message = refusal(tmp_path, a=text)
    assert message.startswith(f"sql/a.sql:{line}: ")
    assert said in message


def test_a_percent_in_a_copy_stays_single(tmp_path: Path) -> None:
    text = "-- name: x()!\n-- @copy\ncopy t (c) from stdin with (delimiter '%')"
    assert read_one(tmp_path, text).sql.endswith("(delimiter '%')")


STARS = [
    "select * from t",
    "select t.id,\n t.* from t",
    "select 1 as a,\n (t.b).* from t",
    "table t",
    "select a.id from (\nselect * from t) as a",
    "select 1 as a where exists (select * from t)",
    "with a as (\nselect t.* from t) select a.id from a",
    "with a as (delete from t\nreturning *) select a.id from a",
    "select t.id from t union all\nselect * from u",
    "insert into t\nselect * from u",
    "insert into t (id) values (1) returning *",
    "update t set id = 1\nreturning t.*",
    "delete from t returning *",
    "merge into t using u on t.id = u.id when matched then delete\nreturning t.*",
]


@pytest.mark.parametrize("sql", STARS)
def test_a_star_is_refused_at_every_level(tmp_path: Path, sql: str) -> None:
    message = refusal(tmp_path, a=f"-- name: x()\n-- é\n{sql};")
    line = 2 + sql.count("\n") + 1
    assert message.startswith(f"sql/a.sql:{line}: `*` returns other columns")


def test_a_star_that_is_no_column_is_accepted(tmp_path: Path) -> None:
    sql = "select count(*) as a, 2 * 3 as b, '*' as c, row(t.*) as d from t;"
    assert read_one(tmp_path, f"-- name: x()\n{sql}").name == "x"


NAMELESS = [
    "select\n1",
    "select\ncount(*) from t",
    "select t.id,\nt.id::text from t",
    "select t.id,\n(t.b).c from t",
    "select 1 as a,\n:b",
    "(select\n1) union select 2 as a",
    "insert into t (id) values (1) returning\nupper(t.id)",
]


@pytest.mark.parametrize("sql", NAMELESS)
def test_a_column_without_a_name_is_refused(tmp_path: Path, sql: str) -> None:
    parameters = "b" if ":b" in sql else ""
    message = refusal(tmp_path, a=f"-- name: x({parameters})\n{sql};")
    assert message.startswith("sql/a.sql:3: a column without a name")


def test_values_without_column_names_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, a="-- name: x()\nvalues (1, 2);")
    assert message.startswith("sql/a.sql:2: VALUES names no columns")


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as a,\n2 as a",
        "select t.id,\nu.id from t, u",
        "select t.id,\n1 as id from t",
        "update t set id = 1 returning old.id,\nnew.id",
    ],
)
def test_a_second_column_of_the_same_name_is_refused(tmp_path: Path, sql: str) -> None:
    message = refusal(tmp_path, a=f"-- name: x()\n{sql};")
    assert message.startswith("sql/a.sql:3: a second column `")


@pytest.mark.parametrize(
    "sql",
    [
        "select t.id from t where t.b = (select max(u.b) from u)",
        "select 1 as a union select 2",
        "with a as (select 1, 1) select 1 as a",
        "insert into t (id) select 1",
        "update t set (b, c) = (select 1, 1) returning t.id",
    ],
)
def test_only_result_columns_need_names(tmp_path: Path, sql: str) -> None:
    assert read_one(tmp_path, f"-- name: x()\n{sql};").name == "x"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("-- name: x()\nselect 'é' as a;\n\nselect 2 as b;", 4, "2 statements"),
        ("-- name: x(b)\nselect :b as a\nfrom from t;", 3, 'at or near "from"'),
        ("-- name: x(b)\nselect\n1 as a :b;", 3, 'at or near ":b"'),
        ("-- name: x()\nselect 1 as", 2, "at end of input"),
        ("-- name: x()!\n\ncopy t (id) from stdin;", 3, "needs the tag @copy"),
        ("-- name: x()!\ncopy t (id) to stdout;", 2, "only `copy … from stdin`"),
        ("-- name: x()!\ncopy t (id) from '/a';", 2, "only `copy … from stdin`"),
        ("-- name: x()!\ncopy t (id) from program 'a';", 2, "only `copy … from"),
    ],
)
def test_a_statement_is_refused_at_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    message = refusal(tmp_path, a=text)
    assert message.startswith(f"sql/a.sql:{line}: ")
    assert said in message


@pytest.mark.parametrize("sql", ["delete from t", "copy t (id) to stdout"])
def test_the_tag_copy_needs_a_copy(tmp_path: Path, sql: str) -> None:
    message = refusal(tmp_path, a=f"-- name: x()!\n-- Loads.\n-- @copy\n{sql};")
    assert message.startswith("sql/a.sql:3: @copy")


def test_offsets_of_the_scanner_count_characters() -> None:
    sql = "select 'éü', x"
    last = scan(sql)[-1]
    assert last.text == sql[last.start : last.end] == "x"
