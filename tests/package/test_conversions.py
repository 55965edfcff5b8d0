from collections.abc import Callable
from datetime import UTC, datetime
from typing import assert_type

import psycopg
import pytest
from psycopg.types.json import Json, Jsonb
from psycopg.types.numeric import Int4, Int8

from authority_queries.errors import InvalidArgumentError
from authority_queries.runtime import (
    JsonValue,
    array,
    array_of_int2,
    array_of_int4,
    array_of_int8,
    aware,
    float4,
    float8,
    int2,
    int4,
    int8,
    json_text,
    json_value,
    naive,
)

NAIVE = datetime(2026, 1, 2)
AWARE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "type_name"),
    [
        (int2("n", 1), "smallint"),
        (int4("n", 1), "integer"),
        (int8("n", 1), "bigint"),
        (float4("n", 1), "real"),
        (float8("n", 1), "double precision"),
        (json_value({"a": [1, None]}), "jsonb"),
        (json_text([1]), "json"),
        (array_of_int2("n", [1]), "smallint[]"),
        (array_of_int4("n", [1, None]), "integer[]"),
        (array_of_int8("n", [1, 1 << 40]), "bigint[]"),
        (aware("at", AWARE), "timestamp with time zone"),
        (naive("at", NAIVE), "timestamp without time zone"),
    ],
)
def test_a_value_is_sent_as_the_type_that_was_described(
    blank_conninfo: str, sent: object, type_name: str
) -> None:
    with psycopg.connect(blank_conninfo) as connection:
        cursor = connection.execute("select pg_typeof(%s)::text", [sent])
        assert cursor.fetchone() == (type_name,)


@pytest.mark.parametrize(("convert", "bits"), [(int2, 15), (int4, 31), (int8, 63)])
def test_an_int_is_taken_to_its_types_limits_and_no_further(
    blank_conninfo: str, convert: Callable[[str, int], int], bits: int
) -> None:
    with psycopg.connect(blank_conninfo) as connection:
        for value in (-(1 << bits), (1 << bits) - 1):
            row = connection.execute("select %s", [convert("size", value)]).fetchone()
            assert row == (value,)
    for value in (-(1 << bits) - 1, 1 << bits):
        with pytest.raises(InvalidArgumentError, match=r"^size is outside") as refused:
            convert("size", value)
        assert str(value) not in str(refused.value)


def test_an_array_of_ints_is_refused_for_one_element_too_large() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^ids is outside"):
        array_of_int2("ids", [1, 1 << 15])
    with pytest.raises(InvalidArgumentError, match=r"^ids is outside"):
        array_of_int4("ids", [1, 1 << 31])
    with pytest.raises(InvalidArgumentError, match=r"^ids is outside"):
        array_of_int8("ids", [1, 1 << 63])


def test_an_int_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^share is outside"):
        float8("share", 10**400)


@pytest.mark.parametrize("one", ["abc", b"abc"])
def test_a_single_string_is_no_array(one: str | bytes) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^names is one string"):
        array("names", one)


def test_bytes_are_no_array_of_ints() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^ids is one string"):
        array_of_int2("ids", b"abc")


def test_any_sequence_becomes_a_list() -> None:
    assert array("names", ("a", "b")) == ["a", "b"]


def test_moments_must_say_their_zone_just_where_it_is_kept() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^since has no time zone"):
        aware("since", NAIVE)
    with pytest.raises(InvalidArgumentError, match=r"^since has a time zone"):
        naive("since", AWARE)


def test_none_passes_and_types_are_exact() -> None:
    assert_type(int4("n", None), None)
    assert_type(int4("n", 1), Int4)
    maybe: int | None = [1, None][1]
    assert_type(int8("n", maybe), Int8 | None)
    content: JsonValue = [{"a": None}, None][0]
    assert_type(json_value(content), Jsonb | None)
    assert_type(json_text("a"), Json)
    assert_type(array("n", ["a"]), list[str])
    nothing = [
        int2("n", None),
        int4("n", None),
        int8("n", None),
        float4("n", None),
        float8("n", None),
        array("n", None),
        array_of_int2("n", None),
        array_of_int4("n", None),
        array_of_int8("n", None),
        aware("n", None),
        naive("n", None),
        json_value(None),
        json_text(None),
    ]
    assert {*nothing} == {None}
