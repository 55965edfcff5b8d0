"""A user's object does not count as PostgreSQL's object of the same name."""

from collections.abc import Iterator

import psycopg
import pytest

from authority_queries.codegen.analysis.analyst import Analyst
from authority_queries.codegen.describing.pg_types import PgTypes
from authority_queries.codegen.describing.type_mapping import PythonTypes
from authority_queries.codegen.describing.type_parts import UnknownTypeError
from authority_queries.codegen.facts import UNKNOWN, Fact

# The functions ignore their arguments, the operators are always true.
OWN = """
create schema shop;
create function shop.jsonb_typeof(jsonb) returns text
    language sql immutable return 'object';
create function shop.char_length(text) returns int language sql immutable return 1;
create function shop.array_position(text[], text) returns int
    language sql immutable return null::int;
create function shop.always(text, text) returns bool language sql immutable return true;
create operator shop.= (leftarg = text, rightarg = text, function = shop.always);
create operator shop.<> (leftarg = text, rightarg = text, function = shop.always);
create function shop.is_bounded_json(jsonb) returns bool
    language sql immutable return true;
create function shop.is_text_list(text[], bigint, bigint) returns bool
    language sql immutable return true;
create schema authority;
create function authority.is_bounded_json(jsonb) returns bool
    language sql immutable return true;
create function authority.is_text_list(text[], bigint, bigint) returns bool
    language sql immutable return true;
create function shop.none(point, point) returns point language sql return null::point;
create aggregate pg_catalog.max(point) (sfunc = shop.none, stype = point);
create table shop.one (y int);
create schema "a(b";
create aggregate "a(b".count(point) (sfunc = shop.none, stype = point);
create function shop.brief(bytea) returns text language sql immutable return 'ab';
create cast (bytea as text) with function shop.brief(bytea);
create collation shop.rough (
    provider = icu, locale = 'und-u-ks-level2', deterministic = false
);
"""


@pytest.fixture
def connection(blank_conninfo: str) -> Iterator[psycopg.Connection[object]]:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        for statement in OWN.split(";\n"):
            try:
                connection.execute(statement.encode())
            except psycopg.errors.FeatureNotSupported:
                assert "icu" in statement
        # Bare names resolve to the user's objects first.
        connection.execute("set search_path = shop, pg_catalog")
        yield connection


def column(connection: psycopg.Connection[object], definition: str) -> Fact:
    """Return the facts of a column with this definition."""
    connection.execute(f"create table shop.t (x {definition})".encode())
    (described,) = Analyst(connection).describe("select x from shop.t").columns
    return described.fact


# A fact, a check of PostgreSQL's own that proves it, and one with the user's object.
CHECKS = [
    (
        "json_kind",
        "jsonb check (pg_catalog.jsonb_typeof(x) operator(pg_catalog.=) 'object')",
        "jsonb check (jsonb_typeof(x) operator(pg_catalog.=) 'object')",
    ),
    (
        "size",
        "pg_catalog.text check (pg_catalog.char_length(x) <= 3)",
        "pg_catalog.text check (char_length(x) <= 3)",
    ),
    (
        "size",
        "pg_catalog.text check (x operator(pg_catalog.<>) '')",
        "pg_catalog.text check (x <> '')",
    ),
    (
        "values",
        "pg_catalog.text check (x operator(pg_catalog.=) 'a')",
        "pg_catalog.text check (x = 'a')",
    ),
    (
        "values",
        "pg_catalog.text check (x operator(pg_catalog.=) any (array['a', 'b']))",
        "pg_catalog.text check (x in ('a', 'b'))",
    ),
    (
        "elements_nullable",
        "pg_catalog.text[] check (pg_catalog.array_position(x, null) is null)",
        "pg_catalog.text[] check (array_position(x, null) is null)",
    ),
]


@pytest.mark.parametrize(("fact", "postgresqls", "own"), CHECKS)
def test_a_check_with_a_users_object_proves_nothing(
    fact: str, postgresqls: str, own: str, connection: psycopg.Connection[object]
) -> None:
    assert getattr(column(connection, postgresqls), fact) != getattr(UNKNOWN, fact)
    connection.execute("drop table shop.t")
    assert getattr(column(connection, own), fact) == getattr(UNKNOWN, fact)


RULES = [
    ("jsonb check ({}.is_bounded_json(x))", 'jsonb("", 65536)'),
    ("text[] check ({}.is_text_list(x, 3, 9))", "text_list(3, 9)"),
]


@pytest.mark.parametrize(("definition", "check"), RULES)
def test_a_users_rule_is_not_that_of_the_schema_authority(
    definition: str, check: str, connection: psycopg.Connection[object]
) -> None:
    types = PythonTypes(PgTypes(connection))
    asked = {}
    for schema in ("authority", "shop"):
        fact = column(connection, "pg_catalog." + definition.format(schema))
        (described,) = Analyst(connection).describe("select x from shop.t").columns
        made = types.of(described.type_oid, fact).check
        given = ", ".join(
            f'"{one}"' if one == "" else str(one) for one in made.made_of or ()
        )
        asked[schema] = f"{made.name}({given})"
        connection.execute("drop table shop.t")
    assert asked["authority"] == check
    assert asked["shop"] != check


@pytest.mark.parametrize(
    "sql",
    [
        "select pg_catalog.max('(1,1)'::point) as x from shop.one group by y",
        "select \"a(b\".count('(1,1)'::point) as x",
    ],
)
def test_a_users_aggregate_may_return_null(
    sql: str, connection: psycopg.Connection[object]
) -> None:
    (described,) = Analyst(connection).describe(sql).columns
    assert described.fact.nullable


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("select x from shop.t where x operator(pg_catalog.=) $1", {"a", "b"}),
        ("select x from shop.t where x = $1", None),
    ],
)
def test_a_users_equality_proves_nothing_about_a_parameter(
    sql: str, values: set[str] | None, connection: psycopg.Connection[object]
) -> None:
    own = "check (x operator(pg_catalog.=) any (array['a', 'b']))"
    assert column(connection, f"pg_catalog.text {own}").values
    (parameter,) = Analyst(connection).describe(sql).parameters
    assert parameter.fact.values == values


@pytest.mark.parametrize(
    ("sql", "size"),
    [
        ("insert into shop.t values ($1)", (0, 3)),
        ("insert into shop.t values ($1::varchar)", (0, 3)),
        ("insert into shop.t values ($1::varchar(2))", None),
        ("insert into shop.t values ($1::bytea::pg_catalog.text)", None),
    ],
)
def test_a_parameter_that_a_cast_changes_is_not_the_stored_value(
    sql: str,
    size: tuple[int, int | None] | None,
    connection: psycopg.Connection[object],
) -> None:
    column(connection, "pg_catalog.text check (pg_catalog.char_length(x) <= 3)")
    (parameter,) = Analyst(connection).describe(sql).parameters
    assert parameter.fact.size == size


def test_octets_bound_the_characters_of_a_text_from_above_only(
    connection: psycopg.Connection[object],
) -> None:
    octets = "octet_length(x) >= 2 and octet_length(x) <= 9"
    assert column(connection, f"pg_catalog.text check ({octets})").size == (0, 9)
    connection.execute("drop table shop.t")
    assert column(connection, f"bytea check ({octets})").size == (2, 9)


def test_a_rule_with_an_argument_that_is_no_number_is_unknown(
    connection: psycopg.Connection[object],
) -> None:
    own = "check (authority.is_text_list(x, 3, pg_catalog.length('abc')))"
    assert column(connection, f"pg_catalog.text[] {own}").rule is None


def test_a_users_type_is_not_that_of_the_extension_citext(
    connection: psycopg.Connection[object],
) -> None:
    connection.execute("create type shop.citext")
    for end, types in {
        "in": ("cstring", "shop.citext"),
        "out": ("shop.citext", "cstring"),
    }.items():
        sql = f"create function shop.read_{end}({types[0]}) returns {types[1]}"
        connection.execute(
            f"{sql} language internal strict immutable as 'int4{end}'".encode()
        )
    connection.execute(
        "create type shop.citext (input = shop.read_in, output = shop.read_out, "
        "like = int4)"
    )
    (described,) = Analyst(connection).describe("select '1'::shop.citext as x").columns
    with pytest.raises(UnknownTypeError, match=r"shop\.citext"):
        PythonTypes(PgTypes(connection)).of(described.type_oid, UNKNOWN)


def test_equality_under_a_collation_that_ignores_case_proves_no_texts(
    connection: psycopg.Connection[object],
) -> None:
    try:
        connection.execute(
            "create domain shop.loud as pg_catalog.text collate shop.rough"
        )
    except psycopg.errors.UndefinedObject:
        pytest.skip("this server has no ICU collations")
    connection.execute(
        "alter domain shop.loud add check (value operator(pg_catalog.=) 'a')"
    )
    (described,) = Analyst(connection).describe("select 'A'::shop.loud as x").columns
    assert described.fact.values in {None, frozenset({"A"})}
