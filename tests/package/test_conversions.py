"""The type and form in which values are sent, and the limits of their sizes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, assert_type

import psycopg
import pytest
from psycopg.sql import SQL
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from authority_queries.engine.runtime import checks
from authority_queries.errors import InvalidArgumentError

NAIVE = datetime(2026, 1, 2)
AWARE = datetime(2026, 1, 2, tzinfo=UTC)
TYPES: list[tuple[checks.Check[object], object, str]] = [
    (checks.int2, 1, "smallint"),
    (checks.int4, 1, "integer"),
    (checks.int8, 1, "bigint"),
    (checks.real, 1, "double precision"),
    (checks.number, Decimal(1), "numeric"),
    (checks.jsonb(), {"a": [1, None]}, "jsonb"),
    (checks.json(), [1], "json"),
    (checks.array(checks.int2), [1], "smallint[]"),
    (checks.array(checks.optional(checks.int4)), [1, None], "integer[]"),
    (checks.array(checks.int8), (1, 1 << 40), "bigint[]"),
    (checks.moment, AWARE, "timestamp with time zone"),
    (checks.local_moment, NAIVE, "timestamp without time zone"),
]


def nested(levels: int) -> Any:
    """Return an object with this many levels, including its innermost value."""
    value: Any = 1
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_a_value_is_sent_as_the_described_type(blank_conninfo: str) -> None:
    with psycopg.connect(blank_conninfo) as connection:
        for check, value, type_name in TYPES:
            sent = check("value", value)
            row = connection.execute("select pg_typeof(%s)::text", [sent]).fetchone()
            assert row == (type_name,), value


@pytest.mark.parametrize("bits", [15, 31, 63])
def test_an_int_is_accepted_up_to_the_limits_of_its_type(
    blank_conninfo: str, bits: int
) -> None:
    check = {15: checks.int2, 31: checks.int4, 63: checks.int8}[bits]
    with psycopg.connect(blank_conninfo) as connection:
        for value in (-(1 << bits), (1 << bits) - 1):
            row = connection.execute("select %s", [check("size", value)]).fetchone()
            assert row == (value,)
    for value in (-(1 << bits) - 1, 1 << bits):
        with pytest.raises(
            InvalidArgumentError, match=r"^size must be with"
        ) as refused:
            check("size", value)
        assert str(value) not in str(refused.value)


# For each check: the check, values within the limit, values beyond it.
LIMITS: dict[str, tuple[Callable[[str, Any], object], list[object], list[object]]] = {
    "text": (checks.text(1, 3), ["a", "äöü"], ["", "abcd", "a\0"]),
    "octets": (checks.octets(2, 2), [b"ab"], [b"a", b"abc", bytearray(2)]),
    "one_of": (checks.one_of("a", "b"), ["a"], ["c", "A", ["a"]]),
    "moment": (
        checks.moment,
        [
            datetime(1900, 1, 1, tzinfo=UTC),
            datetime(9000, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
        ],
        [datetime(1900, 1, 1, tzinfo=UTC) - timedelta(microseconds=1), NAIVE],
    ),
    "local_moment": (checks.local_moment, [NAIVE], [AWARE, "now"]),
    "duration": (
        checks.duration,
        [timedelta(days=36_525), -timedelta(days=36_525), timedelta(0)],
        [timedelta(days=36_525, microseconds=1), timedelta.max],
    ),
    "real": (checks.real, [1, 0.5], [10**400, True, "1"]),
    "array": (checks.array(checks.int8, 2), [(), (1, 2)], [[1, 2, 3], "12", b"12"]),
    "text_list": (
        checks.text_list(2, 3),
        [[], ["a", "abc"]],
        [["a", "a"], [""], ["abcd"], ["a", "b", "c"]],
    ),
    "scope_list": (
        checks.scope_list,
        [["openid", "api:read"], ["a"] * 1000, [f"s{n}" for n in range(100)]],
        [["a b"], [""], ['"'], ["ä"], ["a" * 256], [f"s{n}" for n in range(101)]],
    ),
    "resource_list": (
        checks.resource_list,
        [
            ["https://api.example/v1?a=b", "urn:example:mail", "x:%2F[::1]"],
            ["https://a.example"] * 1000,
            [f"x:{n}" for n in range(100)],
            ["x:" + "a" * 2046],
        ],
        [
            ["https://api.example/#part"],
            ["api.example"],
            ["/v1"],
            [""],
            ["x:"],
            ["1x:a"],
            ["x:a b"],
            ["x:%2"],
            ["x:\u00e4"],
            ["x:a\n"],
            ["x:" + "a" * 2047],
            [f"x:{n}" for n in range(101)],
        ],
    ),
    "depth": (checks.jsonb(), [nested(32)], [nested(33)]),
    "size": (checks.jsonb("", 7), ["äö", [1, 2]], ["äöü", [1, 2, 3]]),
    "object": (checks.jsonb("object"), [{}, MappingProxyType({"a": (1,)})], [[], "a"]),
}


@pytest.mark.parametrize("name", LIMITS)
def test_only_values_within_the_limits_are_sent(name: str) -> None:
    check, within, beyond = LIMITS[name]
    for value in within:
        assert check("value", value) is not None
    for value in beyond:
        with pytest.raises(InvalidArgumentError, match="value must ") as refused:
            check("value", value)
        assert refused.value.argument == "value"


# Functions of the schema's checks, and the same checks in Python.
RULES: list[tuple[str, checks.Check[object], list[list[Any]]]] = [
    (
        "authority.is_resource_list(%s)",
        checks.resource_list,
        [*LIMITS["resource_list"][1:]],
    ),
    ("authority.is_scope_list(%s)", checks.scope_list, [*LIMITS["scope_list"][1:]]),
    (
        "authority.is_text_list(%s, 2, 3)",
        checks.text_list(2, 3),
        [*LIMITS["text_list"][1:]],
    ),
    (
        "authority.is_bounded_json(%s)",
        checks.jsonb("", 65_536),
        [[nested(32), "ä" * 32_767], [nested(33), "ä" * 32_767 + "a"]],
    ),
]


def test_the_schema_and_python_allow_the_same_values(
    dba: "psycopg.Connection[Any]",
) -> None:
    for rule, check, (within, beyond) in RULES:
        query = SQL("select {}").format(SQL(rule))
        for value in within:
            assert dba.execute(query, [check("value", value)]).fetchone() == (True,)
        for value in beyond:
            with pytest.raises(InvalidArgumentError):
                check("value", value)
            sent = value if isinstance(value, list) else Jsonb(value)
            assert dba.execute(query, [sent]).fetchone() == (False,)


def test_scopes_are_sent_without_duplicates_in_their_order() -> None:
    assert checks.scope_list("scopes", ("b", "a", "b")) == ["b", "a"]


def test_any_mapping_is_sent_as_an_object(blank_conninfo: str) -> None:
    value = MappingProxyType({"a": ({"b": "ä"}, 1.5, None, True)})
    with psycopg.connect(blank_conninfo) as connection:
        sent = checks.jsonb("object")("value", value)
        row = connection.execute("select %s", [sent]).fetchone()
    assert row == ({"a": [{"b": "ä"}, 1.5, None, True]},)


@pytest.mark.parametrize("style", ["postgres", "sql_standard", "iso_8601"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_duration_is_exact_in_every_time_zone_and_interval_style(
    blank_conninfo: str, style: str, zone: str
) -> None:
    # In New York the next day has 25 hours.
    begins = datetime(2026, 11, 1, 4, tzinfo=UTC)
    with psycopg.connect(
        blank_conninfo, options=f"-c intervalstyle={style} -c timezone={zone}"
    ) as connection:
        for lasts in (timedelta(days=36_525), timedelta(days=-1, microseconds=1)):
            row = connection.execute(
                "select (extract(epoch from %s::timestamptz + %s) * 1e6)::bigint",
                [begins, checks.duration("lifetime", lasts)],
            ).fetchone()
            ends = (begins + lasts - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(
                microseconds=1
            )
            assert row == (ends,)


def test_types_are_exact_and_only_optional_values_may_be_none() -> None:
    assert_type(checks.int8("n", 1), Int8)
    assert_type(checks.optional(checks.int8)("n", 1), Int8 | None)
    assert_type(checks.array(checks.text())("n", ["a"]), list[str])
    assert checks.optional(checks.int8)("n", None) is None
    with pytest.raises(InvalidArgumentError, match=r"^n must be an int, not None$"):
        checks.int8("n", None)
