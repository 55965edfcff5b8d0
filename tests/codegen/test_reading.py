"""Query files are read as aiosql reads them, or refused with their place."""

from pathlib import Path

import pytest
from aiosql.types import SQLOperationType

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.engine.runtime import QueryFile
from authority_queries.resources import QUERIES
from tests.codegen.query_text import read, read_one, refusal

pytestmark = pytest.mark.one_version

ONE = "-- name: {}()\nselect 1 as a;\n"


def test_the_repositorys_queries_are_those_that_aiosql_finds() -> None:
    read_here = read_folder(QUERIES)
    found = {}
    for path in QUERIES.glob("*.sql"):
        queries = QueryFile(path).queries
        for name in queries.available_queries:
            function = getattr(queries, name)
            if function.parameters is not None:  # not the cursor of another one
                found[path.stem, name] = function
    assert len(found) > 90
    assert {(query.path.stem, query.name) for query in read_here} == set(found)
    for query in read_here:
        function = found[query.path.stem, query.name]
        assert query.sql == function.sql
        assert query.operation is function.operation
        assert [*query.parameters] == function.parameters
        assert query.doc
        assert "@" not in query.doc
        theirs = function.__doc__.splitlines()
        assert {line.strip() for line in query.doc.splitlines()} <= {"", *theirs}


def test_queries_are_sorted_by_file_and_keep_the_files_order() -> None:
    queries = read_folder(QUERIES)
    places = [(query.path.name, query.line) for query in queries]
    assert places == sorted(places)
    for query in queries:
        line = query.path.read_text().splitlines()[query.line - 1]
        assert line.startswith(f"-- name: {query.name}(")


def test_a_relative_folder_gives_the_same_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (query,) = read(tmp_path, a=ONE.format("x"))
    monkeypatch.chdir(tmp_path / "sql")
    (same,) = read_folder(Path())
    assert query.place == same.place == "sql/a.sql:1 x"


def test_a_query_has_everything_that_its_file_contains(tmp_path: Path) -> None:
    query = read_one(
        tmp_path,
        "/* a header\n   of two lines */\n"
        "-- name: get-by-id(tenant_id, user_id)^\n"
        "-- The user with this id:\n"
        "--   * in any state\n"
        "--\n"
        "-- Ask admin@example.org for more.\n"
        "select\n"
        "    -- of the body\n"
        "    users.id -- at the end\n"
        "from users where id = :user_id and tenant_id = :tenant_id;\n",
    )
    assert (query.name, query.line) == ("get_by_id", 3)
    assert query.operation is SQLOperationType.SELECT_ONE
    assert query.parameters == ("tenant_id", "user_id")
    assert query.doc == (
        "The user with this id:\n  * in any state\n\nAsk admin@example.org for more."
    )
    assert "id = %(user_id)s and tenant_id = %(tenant_id)s;" in query.sql


def test_a_comment_after_an_empty_line_belongs_to_the_body(tmp_path: Path) -> None:
    text = "-- name: x()\n-- Of the name.\n\n-- Of the body.\nselect 1 as a;\n"
    assert read_one(tmp_path, text).doc == "Of the name."


def test_windows_line_ends_are_line_ends(tmp_path: Path) -> None:
    text = "-- name: x()\r\n-- Of the name.\r\nselect\r\n    'a' as b;\r\n"
    assert read_one(tmp_path, text).doc == "Of the name."


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param(
            "-- name: x()\nselect 1 as a,\n    :b as b;",
            3,
            "name in query x: b;",
            id="undeclared parameter",
        ),
        pytest.param(
            "-- name: x(b)\nselect 1 as a;", 1, "in query x: ['b'];", id="unused"
        ),
        pytest.param(
            "-- name: x(b, b)\nselect :b as a;", 1, "declared twice", id="b twice"
        ),
        pytest.param("-- name: 1x()\nselect 1;", 1, '"1x()"', id="digit first"),
        pytest.param("-- name: x() y\nselect 1;", 1, '"x() y"', id="bad name line"),
        pytest.param("-- name: ()\nselect 1;", 1, "no name:", id="no name"),
        pytest.param("-- name:\nx()\nselect 1;", 1, "no name:", id="next line"),
        pytest.param("-- name: x()\n", 1, "empty query for: x;", id="nothing"),
        pytest.param("-- name: x()\n-- y\n;\n", 1, "empty sql for: x;", id="only ;"),
        pytest.param("-- name: x()\n; -- y\n", 2, "0 statements", id="; and comment"),
        pytest.param("-- name: x\nselect 1;", 1, "write `()`", id="no list"),
        pytest.param("-- name: x*!\ndelete from a;", 1, "write `()`", id="*! no list"),
        pytest.param("-- name: x<!\ndelete from a;", 1, "write `()`", id="<! no list"),
        pytest.param("-- name: x(b)#\nselect :b;", 1, "write `()`", id="script"),
        pytest.param("-- name: add-query()\nselect 1;", 1, "aiosql has", id="aiosql's"),
        pytest.param("-- name: é()\nselect 1;", 1, "`é` cannot name a", id="not ASCII"),
        pytest.param("-- name: list()\nselect 1 as a;", 1, "a builtin", id="builtin"),
        pytest.param("-- name: None()\nselect 1 as a;", 1, "a builtin", id="None"),
        pytest.param("-- name: lambda()\nselect 1 as a;", 1, "a keyword", id="keyword"),
        pytest.param("-- name: __all__()\nselect 1;", 1, "begins with _", id="dunder"),
        pytest.param("-- name: x(if)\nselect :if as a;", 1, "keyword", id="argument"),
        pytest.param("-- name: x(é)\nselect :é as a;", 1, "`é` cannot", id="no ASCII"),
        pytest.param("-- name: x(self)\nselect :self as a;", 1, "used by", id="self"),
        pytest.param("-- name: x(conn)\nselect :conn as a;", 1, "used by", id="conn"),
        pytest.param(
            "-- name: x(connection)\nselect :connection as a;", 1, "used by", id="first"
        ),
        pytest.param("select 1;\n-- name: x()\nselect 1;", 1, "before", id="preamble"),
        pytest.param("-- Nothing.\n", 1, "no query", id="only comment"),
        pytest.param("", 1, "no query", id="empty"),
        pytest.param("-- name: x()\nselect 'a;\n", 2, "unterminated", id="open string"),
        pytest.param("-- name: x()\nselect '\0';\n", 2, "NUL", id="NUL"),
        pytest.param("\ufeff-- name: x()\nselect 1;", 1, "byte order", id="BOM"),
    ],
)
def test_a_wrong_query_is_refused_at_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    if text.startswith("-- name"):
        header = "/* lines that\naiosql does not\ncount */\n"
        text = header + ONE.format("first") + text
        line += 5
    message = refusal(tmp_path, a=text)
    assert message.startswith(f"sql/a.sql:{line}: ")
    assert said in message


def test_a_second_query_of_the_same_name_is_refused(tmp_path: Path) -> None:
    text = ONE.format("get-x") + ONE.format("get_x")
    message = refusal(tmp_path, a=text)
    assert message.startswith("sql/a.sql:3: line 1 has a query `get_x` already")


def test_files_may_have_the_same_names(tmp_path: Path) -> None:
    queries = read(tmp_path, b=ONE.format("x"), a=ONE.format("x"))
    assert [query.place for query in queries] == ["sql/a.sql:1 x", "sql/b.sql:1 x"]


@pytest.mark.parametrize("suffix", ["_async", "_stream", "_stream_async", "_cursor"])
def test_a_name_that_is_generated_for_another_query_is_refused(
    tmp_path: Path, suffix: str
) -> None:
    message = refusal(tmp_path, a=ONE.format("x") + ONE.format(f"x{suffix}"))
    assert message.startswith("sql/a.sql:3: ")
    assert f"x{suffix}" in message


@pytest.mark.parametrize("name", ["get_stream", "license", "match", "id_"])
def test_a_name_like_a_generated_one_is_accepted(tmp_path: Path, name: str) -> None:
    assert read_one(tmp_path, ONE.format(name)).name == name


@pytest.mark.parametrize(
    ("stem", "said"),
    [
        ("user-roles", "no Python name"),
        ("1st", "no Python name"),
        ("class", "a keyword"),
        ("__init__", "begins with _"),
        ("naïve", "no Python name of ASCII"),
    ],
)
def test_a_file_name_that_is_no_module_name_is_refused(
    tmp_path: Path, stem: str, said: str
) -> None:
    message = refusal(tmp_path, **{stem: ONE.format("x")})
    assert message.startswith(f"sql/{stem}.sql:1: `{stem}` cannot name a module")
    assert said in message


def test_two_files_of_one_module_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, Users=ONE.format("x"), users=ONE.format("y"))
    assert message.startswith("sql/users.sql:1: its module is that of Users.sql")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    text = "-- name: x()\n-- naïve\nselect 1 as a;".encode("latin-1")
    assert refusal(tmp_path, a=text).startswith("sql/a.sql:2: not UTF-8")


def test_an_error_names_an_unreadable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", denied)
    message = refusal(tmp_path, a=ONE.format("x"))
    assert message == "sql/a.sql:1: cannot be read: Permission denied"


def test_a_folder_does_not_count_as_a_query_file(tmp_path: Path) -> None:
    (tmp_path / "b.sql").mkdir()
    with pytest.raises(GenerationError, match="there is no query file"):
        read_folder(tmp_path)


def test_a_folder_without_query_files_is_refused(tmp_path: Path) -> None:
    assert "there is no query file" in refusal(tmp_path)
    with pytest.raises(GenerationError, match=r"missing: there is no query file"):
        read_folder(tmp_path / "missing")
