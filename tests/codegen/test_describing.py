"""The description of a query: types as psycopg sends them, with tags applied."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries.codegen.analysis.analyst import Analyst
from authority_queries.codegen.describing.declared import Declared
from authority_queries.codegen.describing.describer import Describer
from authority_queries.codegen.describing.pg_types import PgTypes
from authority_queries.codegen.describing.type_parts import Literals, Part
from authority_queries.codegen.describing.typed_query import TypedQuery, TypedValue
from authority_queries.codegen.describing.variants import Variants
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.facts import Description, Fact
from authority_queries.codegen.query import PythonName
from authority_queries.codegen.sent import sent_types, statement_of
from authority_queries.engine._sync.pooler_detection import look
from authority_queries.engine.runtime import QueryFile, checks
from tests.codegen.query_text import read_one

ITEM_ID = PythonName(module="app.ids", name="ItemId")
DECLARED = {ITEM_ID: Declared(name=ITEM_ID, classes=["UUID"], is_same=True)}
SCHEMA = """
create type color as enum ('red', 'green');
create table items (
    id uuid primary key,
    name text not null,
    note text,
    size int4 not null,
    weight real not null,
    shape text not null check (shape in ('round', 'flat')),
    tags text[] not null default '{}',
    place point,
    doubled int generated always as (1) stored
)
"""


@pytest.fixture
def connection(blank_conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield connection


Describe = Callable[[str], TypedQuery]


@pytest.fixture
def describe(connection: psycopg.Connection[Any], tmp_path: Path) -> Describe:
    describer = Describer(connection, Analyst(connection), DECLARED)
    return lambda text: describer.describe(read_one(tmp_path, text))


@pytest.fixture
def refusal(describe: Describe) -> Callable[[str], str]:
    def refused(text: str) -> str:
        with pytest.raises(GenerationError) as caught:
            describe(text)
        return str(caught.value)

    return refused


Refusal = Callable[[str], str]


def spelled(value: TypedValue) -> str:
    def name(part: Part) -> str:
        if isinstance(part, Literals):
            return "|".join(part.values)
        return getattr(part, "name", str(part))

    return value.type.spell(name) + ("?" if value.nullable else "")


def test_the_statement_has_the_text_and_the_types_that_psycopg_sends(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    query = read_one(
        tmp_path,
        "-- name: find(size, id, name)^\n-- One.\nselect items.note from items\n"
        "where items.size = :size and items.id = :id and items.name like :name || '%'\n"
        "    and :size > 0;\n",
    )
    values = {"size": checks.int4("size", 3), "id": UUID(int=1), "name": "x"}
    connection.prepare_threshold = 0
    assert look(connection)  # the connection is direct, so statements are prepared
    QueryFile(query.path).row("find", tuple)(connection, **values)
    ran = connection.execute(
        "select statement, parameter_types::oid[]::int8[] from pg_prepared_statements"
        " where statement like '%a.find%'",
        prepare=False,
    ).fetchone()
    statement = statement_of(query)
    assert statement.parameters == ("size", "id", "name")
    assert ran is not None
    assert ran[0] == statement.text
    sent = sent_types(query.sql, connection, values)
    assert sent == (23, 2950, 0)
    assert ran[1] == [23, 2950, 25]


def test_parameters_keep_their_declared_order(
    describe: Describe,
) -> None:
    typed = describe(
        "-- name: find(name, size)\n-- Some.\n"
        "select items.id from items where items.size = :size and items.name = :name;\n"
    )
    assert [value.name for value in typed.parameters] == ["name", "size"]
    assert [spelled(value) for value in typed.parameters] == ["str", "int"]


def test_columns_have_the_types_and_nulls_of_their_tables(describe: Describe) -> None:
    typed = describe(
        "-- name: find(id)^\n-- One.\nselect items.id, items.note, items.size,\n"
        "items.shape, items.tags from items where items.id = :id;\n"
    )
    assert [spelled(value) for value in typed.columns] == [
        "UUID",
        "str?",
        "int",
        "flat|round",
        "Sequence[str | None]",
    ]


def test_a_column_whose_type_depends_on_what_is_sent_is_refused(
    refusal: Refusal,
) -> None:
    message = refusal(
        "-- name: add(extra)\n-- Some.\n"
        "select items.weight + :extra as total from items;\n"
    )
    assert "sql/a.sql:3:8: column total is float4 or float8" in message
    assert ":name::" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "-- name: f(a)\n-- Some.\n\nselect\n    -- the oddest\n    items.id,\n"
            "    items.nothing\nfrom items where items.size = :a;\n",
            "sql/a.sql:7:5: PostgreSQL says: column items.nothing does not exist",
        ),
        (
            "-- name: f(a)\n-- Some.\nselect 1 as x\nwhere :a is null;\n",
            "sql/a.sql:4:7: PostgreSQL says: could not determine data type of "
            "parameter :a; cast it where it is used, such as :a::uuid",
        ),
        (
            "-- name: f(a)\n-- Some.\nselect items.id from items\n"
            "where items.size = :a\n  or items.id = :a;\n",
            "sql/a.sql:5:15: PostgreSQL says: operator does not exist: uuid = integer",
        ),
        (
            "-- name: f(a, b)\n-- Some.\nselect :a + :b as x;\n",
            "sql/a.sql:3:11: PostgreSQL says: operator is not unique",
        ),
    ],
)
def test_an_error_of_postgresql_has_its_place(
    refusal: Refusal, text: str, expected: str
) -> None:
    assert refusal(text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select items.id, items.size as id from items", "two columns are named id"),
        ("select items.size + 1 from items", "a column has no name"),
        ("select items.size as class from items", "column class is a keyword"),
        ('select items.size as "a b" from items', "column a b is no Python name"),
        ("select items.place from items", "place has the type point, which"),
        ("select row(1, 2) as pair", "pair has the type record, which"),
    ],
)
def test_column_names_that_are_invalid_in_python_are_refused(
    connection: psycopg.Connection[Any], tmp_path: Path, text: str, expected: str
) -> None:
    # Reading refuses most of these; a view's columns are known only here.
    query = read_one(tmp_path, "-- name: f()\n-- Some.\nselect 1 as x;\n")
    describer = Describer(connection, Analyst(connection), DECLARED)
    with pytest.raises(GenerationError) as caught:
        describer.describe(replace(query, sql=text))
    assert str(caught.value).startswith("sql/a.sql:1:1: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("@nullable name", "name:str?"),
        ("@notnull note -- only those are asked for", "note:str"),
        ("@param note notnull", "note:str"),
        ("@param name nullable", "name:str?"),
        ("@type id: app.ids:ItemId", "id:ItemId"),
    ],
)
def test_a_tag_changes_the_column_that_it_names(
    describe: Describe, tag: str, expected: str
) -> None:
    if tag.startswith("@param"):
        body = "(id, name, note)!\n-- Sets.\n-- {}\nupdate items set name = :name,"
        body += " note = :note where items.id = :id;\n"
    else:
        body = "()\n-- Some.\n-- {}\nselect items.id, items.name, items.note from"
        body += " items;\n"
    typed = describe("-- name: f" + body.format(tag))
    values = (*typed.parameters, *typed.columns)
    assert expected in [f"{value.name}:{spelled(value)}" for value in values]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("@nullable note", "@nullable note changes nothing: it can be null"),
        ("@notnull name -- why", "@notnull name changes nothing: it is never null"),
        ("@param id notnull", "@param id notnull changes nothing"),
        ("@nullable nothing", "@nullable names nothing; there are: name, note"),
        ("@notnull nothing -- why", "@notnull names nothing; there are: name, note"),
        ("@type nothing: a:B", "@type names nothing; there are: id, name, note"),
    ],
)
def test_a_tag_that_is_redundant_or_names_nothing_is_refused(
    refusal: Refusal, tag: str, expected: str
) -> None:
    message = refusal(
        f"-- name: f(id)\n-- Some.\n-- {tag}\nselect items.name, items.note from items"
        " where items.id = :id;\n"
    )
    assert expected in message
    assert message.startswith("sql/a.sql:")


def test_only_a_reading_select_streams(describe: Describe) -> None:
    assert describe("-- name: f()\n-- Some.\nselect items.id from items;\n").can_stream


@pytest.mark.parametrize(
    "text",
    [
        "update items set size = 1 returning items.id",
        "with gone as (delete from items returning items.id) select gone.id from gone",
    ],
)
def test_a_writing_statement_does_not_stream(describe: Describe, text: str) -> None:
    typed = describe(f"-- name: f()\n-- Some.\n{text};\n")
    assert not typed.can_stream
    assert [spelled(value) for value in typed.columns] == ["UUID"]


def test_a_query_of_one_value_has_one_column(refusal: Refusal) -> None:
    message = refusal("-- name: f()$\n-- One.\nselect 1 as a, 2 as b;\n")
    assert "$ returns one column, and the query has 2" in message


def test_a_query_without_columns_must_count_rows(refusal: Refusal) -> None:
    message = refusal("-- name: f()\n-- Some.\ndelete from items;\n")
    assert "write ! after its name to count rows" in message


def test_a_copy_has_the_columns_of_its_table(describe: Describe) -> None:
    typed = describe(
        "-- name: f()!\n-- Adds.\n-- @copy\n"
        "copy items (id, name, note, tags) from stdin;\n"
    )
    assert [spelled(value) for value in typed.parameters] == [
        "UUID",
        "str",
        "str?",
        "Sequence[str | None]",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("copy items (id, nothing) from stdin", "has no column nothing to copy into"),
        ("copy items (id, doubled) from stdin", "has no column doubled to copy into"),
        ("copy nowhere (id) from stdin", "is there such a table?"),
    ],
)
def test_a_copy_into_an_unknown_column_is_refused(
    refusal: Refusal, text: str, expected: str
) -> None:
    assert expected in refusal(f"-- name: f()!\n-- Adds.\n-- @copy\n{text};\n")


class _Told:
    """Describes by the analyst, and claims more when fewer types are sent."""

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst
        self.asked: list[Sequence[int]] = []

    def describe(
        self,
        statement: str,
        types: Sequence[int] = (),
        *,
        declared: Mapping[int, bool] = MappingProxyType({}),
    ) -> Description:
        self.asked.append(tuple(types))
        description = self._analyst.describe(statement, types, declared=declared)
        fact = Fact(nullable=any(types), values=frozenset("a"))
        columns = tuple(replace(each, fact=fact) for each in description.columns)
        return replace(description, columns=columns, always_a_row=not any(types))


def test_a_description_claims_only_facts_of_every_variant(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    told = _Told(Analyst(connection))
    variants = Variants(connection, told, PgTypes(connection))
    query = read_one(
        tmp_path,
        "-- name: f(extra)\n-- Some.\n"
        "select items.name from items where items.weight > :extra;\n",
    )
    _, description = variants.describe(query)
    assert told.asked == [(), (701,)]
    (column,) = description.columns
    assert column.fact == Fact(nullable=True, values=frozenset("a"))
    assert not description.always_a_row


def test_a_variant_with_the_same_types_is_not_analysed_again(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    told = _Told(Analyst(connection))
    variants = Variants(connection, told, PgTypes(connection))
    query = read_one(
        tmp_path,
        "-- name: f(id, tags)\n-- Some.\nselect items.name from items\n"
        "where items.id = :id and items.tags = :tags;\n",
    )
    variants.describe(query)
    assert told.asked == [()]
