"""The parser reads the tags in a query's comment, or refuses them at their line."""

from pathlib import Path

import pytest

from authority_queries.codegen.query import (
    Case,
    ParameterTag,
    PlanException,
    PythonName,
    Tags,
)
from tests.codegen.query_text import read_one, refusal

pytestmark = pytest.mark.one_version


def tags_of(parent: Path, *lines: str, name: str = "x(b, c)", sql: str = "") -> Tags:
    """Read the tags of a query with these comment lines."""
    statement = sql or "select :b::int as d, :c::int as e"
    text = "\n".join([f"-- name: {name}", *lines, statement])
    return read_one(parent, text).tags


def test_the_parser_reads_every_tag(tmp_path: Path) -> None:
    tags = tags_of(
        tmp_path,
        "-- @row Seat",
        "-- @nullable d",
        "-- @notnull e -- it is a constant",
        "-- @param b notnull -- a number",
        "-- @param c nullable",
        "-- @type d: my_service.seats:Attributes",
        "-- @type e : decimal:Decimal",
        "-- @plan seqscan seats -- a hundred rows -- at most",
        "-- @plan sort -- few rows",
        "-- @role svc-1@example.iam",
        "-- @when d = issued,renewed --",
        "--   e, f",
        "-- @when d = lost -- e",
    )
    assert tags == Tags(
        row="Seat",
        nullable=frozenset({"d"}),
        notnull={"e": "it is a constant"},
        params={
            "b": ParameterTag(nullable=False, text="a number"),
            "c": ParameterTag(nullable=True, text=""),
        },
        types={
            "d": PythonName(module="my_service.seats", name="Attributes"),
            "e": PythonName(module="decimal", name="Decimal"),
        },
        plans=(
            PlanException(
                permitted="seqscan seats", reason="a hundred rows -- at most"
            ),
            PlanException(permitted="sort", reason="few rows"),
        ),
        role="svc-1@example.iam",
        cases=(
            Case(column="d", values=("issued", "renewed"), notnull=("e", "f")),
            Case(column="d", values=("lost",), notnull=("e",)),
        ),
    )


def test_a_query_without_tags_has_default_tags(tmp_path: Path) -> None:
    assert tags_of(tmp_path, "-- Ask a@example.org, or @someone.") == Tags()


def test_the_documentation_contains_no_tags(tmp_path: Path) -> None:
    query = read_one(
        tmp_path,
        "-- name: x()\n-- One row.\n-- @row Seat\n-- @notnull a -- it is\n"
        "--   constant\n--\n--   @nullable b\n-- It is a sample.\n-- @plan c -- d\n"
        "select 1 as a, 2 as b;",
    )
    assert query.doc == "One row.\n\nIt is a sample."
    assert query.tags.nullable == {"b"}


def test_indented_lines_continue_a_tags_text(tmp_path: Path) -> None:
    tags = tags_of(
        tmp_path,
        "-- @notnull e --",
        "--   it is",
        "--     a constant",
        "-- @param b -- of",
        "--   the caller's",
        "-- No more of it.",
    )
    assert tags.notnull == {"e": "it is a constant"}
    assert tags.params == {"b": ParameterTag(nullable=None, text="of the caller's")}


def test_an_indented_tag_does_not_continue_a_text(tmp_path: Path) -> None:
    tags = tags_of(tmp_path, "-- @notnull e -- constant", "--   @nullable d")
    assert tags.notnull == {"e": "constant"}
    assert tags.nullable == {"d"}


@pytest.mark.parametrize("name", ["x()!", "x()*!"])
def test_a_copy_is_tagged_and_names_its_rows_and_columns(
    tmp_path: Path, name: str
) -> None:
    tags = tags_of(
        tmp_path,
        "-- @row NewSeat",
        "-- @param holder nullable",
        "-- @copy",
        name=name,
        sql="copy seats (id, holder) from stdin;",
    )
    assert tags == Tags(
        row="NewSeat",
        params={"holder": ParameterTag(nullable=True, text="")},
        copy=True,
    )


def test_a_batch_takes_rows_of_a_class(tmp_path: Path) -> None:
    sql = "insert into seats (id) values (:b);"
    assert tags_of(tmp_path, "-- @row New", name="x(b)*!", sql=sql).row == "New"


MALFORMED = [
    "@row",
    "@row seat",
    "@row Seat_2",
    "@row Seat -- text",
    "@nullable",
    "@nullable d e",
    "@nullable d -- text",
    "@notnull d",
    "@notnull d --",
    "@notnull -- text",
    "@param b --",
    "@param b maybe",
    "@param b nullable notnull",
    "@type d",
    "@type d: uuid",
    "@type d: UUID:",
    "@type d: a:B -- text",
    "@plan seqscan",
    "@plan -- text",
    "@plan seqscan --text",
    "@role",
    "@role a b",
    '@role "a"',
    "@role a -- text",
    "@when d -- e",
    "@when d = -- e",
    "@when d = a b -- e",
    "@when d = a",
    "@copy seats",
    "@copy -- text",
]
WRONG_WORDS = [
    ("@row True", "`True` is a builtin of Python"),
    ("@row Exception", "`Exception` is a builtin of Python"),
    ("@param b", "@param has no effect"),
    ("@when d = a -- e f", "the text of @when must name columns"),
    ("@type d: a..b:C", "`` is no Python name"),
    ("@type d: a.class:C", "`class` is a keyword of Python"),
    ("@type d: a:1", "`1` is no Python name"),
]
CONTRADICTIONS = [
    ("@row A", "@row B"),
    ("@row A", "@row A"),
    ("@nullable d", "@nullable d"),
    ("@notnull d -- one", "@notnull d -- two"),
    ("@nullable d", "@notnull d -- two"),
    ("@notnull d -- one", "@nullable d"),
    ("@param b nullable", "@param b notnull"),
    ("@param b nullable", "@param b -- text"),
    ("@type d: a:B", "@type d: a:C"),
    ("@plan seqscan -- one", "@plan seqscan -- two"),
    ("@role a", "@role b"),
    ("@when d = a -- e", "@when d = a -- f"),
    ("@role a", "@role a"),
]


@pytest.mark.parametrize("tag", MALFORMED)
def test_a_malformed_tag_is_refused(tmp_path: Path, tag: str) -> None:
    text = f"-- name: x(b)\n-- One row.\n-- {tag}\nselect :b::int as d;"
    message = refusal(tmp_path, a=text)
    assert message.startswith("sql/a.sql:3: ")
    assert f"write this tag as `{tag.split(maxsplit=1)[0]}" in message


@pytest.mark.parametrize(("tag", "said"), WRONG_WORDS)
def test_a_tag_with_wrong_words_is_refused(tmp_path: Path, tag: str, said: str) -> None:
    message = refusal(tmp_path, a=f"-- name: x(b)\n-- {tag}\nselect :b::int as d;")
    assert message.startswith(f"sql/a.sql:2: {said}")


@pytest.mark.parametrize("word", ["@rows Seat", "@Row Seat", "@foo", "@not-null d"])
def test_an_unknown_tag_is_refused(tmp_path: Path, word: str) -> None:
    text = f"-- name: x()\n-- One row.\n--{word}\nselect 1 as d;"
    message = refusal(tmp_path, a=text)
    assert message.startswith("sql/a.sql:3: @")
    assert "is not a tag; the tags are @row, @nullable, @notnull, @param" in message


@pytest.mark.parametrize(("first", "second"), CONTRADICTIONS)
def test_contradictory_tags_are_refused_at_the_second(
    tmp_path: Path, first: str, second: str
) -> None:
    text = f"-- name: x(b)\n-- {first}\n-- One row.\n-- {second}\nselect :b::int as d;"
    message = refusal(tmp_path, a=text)
    assert message.startswith("sql/a.sql:4: line 2 has @")


def test_tags_of_several_columns_do_not_contradict(tmp_path: Path) -> None:
    tags = tags_of(tmp_path, "-- @nullable d", "-- @nullable e")
    assert tags.nullable == {"d", "e"}


@pytest.mark.parametrize(
    ("name", "tag", "said"),
    [
        ("x(b)", "@param c nullable", "declares no parameter `c`"),
        ("x(b)", "@param B nullable", "declares no parameter `B`"),
        ("x(b)!", "@row Seat", "`!` returns no rows"),
        ("x(b)$", "@row Seat", "`$` returns no rows"),
        ("x(b)", "@copy", "`!` or `*!`"),
        ("x(b)^", "@copy", "`!` or `*!`"),
    ],
)
def test_a_tag_that_does_not_fit_the_query_is_refused(
    tmp_path: Path, name: str, tag: str, said: str
) -> None:
    text = f"-- name: {name}\n-- One row.\n-- {tag}\nselect :b::int as d;"
    message = refusal(tmp_path, a=text)
    assert message.startswith("sql/a.sql:3: ")
    assert said in message


def test_a_script_has_no_row(tmp_path: Path) -> None:
    message = refusal(tmp_path, a="-- name: x()#\n-- @row Seat\nselect 1; select 2;")
    assert message.startswith("sql/a.sql:2: `#` returns no rows")


@pytest.mark.parametrize(
    "text",
    [
        "-- name: x()\n\n-- @row Seat\nselect 1 as a;",
        "-- name: x()\nselect\n-- @nullable a\n1 as a;",
        "-- name: x()\nselect 1 as b,\n2 as a -- @nullable a\n;",
        "-- name: x()\n/* A header. */\n-- @row Seat\nselect 1 as a;",
    ],
)
def test_a_tag_without_effect_is_refused(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, a=text)
    assert message.startswith("sql/a.sql:3: a tag belongs")


def test_aiosqls_record_class_is_refused(tmp_path: Path) -> None:
    text = "-- name: x()\n-- record_class: Seat\nselect 1 as a;"
    assert refusal(tmp_path, a=text).startswith("sql/a.sql:2: aiosql's record_class")


def test_a_tag_without_text_has_no_continuation(tmp_path: Path) -> None:
    text = "-- name: x()\n-- @row Seat\n--   of a licence\nselect 1 as d;"
    assert refusal(tmp_path, a=text).startswith("sql/a.sql:2: write this tag as `@row")
