"""Each mapping of a type: values round-trip with their declared types."""

import asyncio
import inspect
import json
import os
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import psycopg
import pytest
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from authority_queries.engine.runtime import JsonValue
from authority_queries.errors import InvalidArgumentError
from tests.codegen.projects import Project

MOMENT = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
NAIVE = MOMENT.replace(tzinfo=None)
DAY = date(2024, 2, 29)
ID = UUID("0192a0b4-0000-7000-8000-000000000001")
COMPOSITE = ("Main St, 5", 3, "so-so", ["happy", None], [1, 2], 7, None)

VALUES: dict[str, Any] = {
    "boolean": False,
    "smallint": -(2**15),
    "integer": 2**31 - 1,
    "bigint": 2**63 - 1,
    "oid": 2**32 - 1,
    "real": 0.5,
    "double precision": 1e300,
    "numeric": Decimal("12.340"),
    "text": 'it\'s 100% "so"',
    "varchar(10)": "short",
    "char(3)": "abc",
    "name": "pg_catalog",
    '"char"': "x",
    "citext": "Case",
    "uuid": ID,
    "bytea": b"\x00\xff",
    "date": DAY,
    "time": time(12, 30),
    "timetz": time(12, 30, tzinfo=UTC),
    "timestamp": NAIVE,
    "timestamptz": MOMENT,
    "interval": timedelta(days=3, seconds=5),
    "inet": IPv6Address("::1"),
    "cidr": IPv4Network("10.0.0.0/8"),
    "macaddr": "08:00:2b:01:02:03",
    "macaddr8": "08:00:2b:01:02:03:04:05",
    "json": {"a": [1, None, "x"]},
    "jsonb": [True, 2.5, {"b": "c"}],
    "int4range": Range(1, 5),
    "int8range": Range(2**40, None),
    "numrange": Range(Decimal(1), Decimal(2)),
    "daterange": Range(DAY, None),
    "tsrange": Range(NAIVE, None),
    "tstzrange": Range(MOMENT, None),
    "int4multirange": Multirange([Range(1, 2), Range(5, 6)]),
    "datemultirange": Multirange([Range(DAY, None)]),
    "mood": "so-so",
    "positive": 5,
    "address": COMPOSITE,
}
EXPRESSIONS = {
    "": ":value::{0}",
    "_array": ":value::{0}[]",
    "_and_null": "array[:value::{0}, null::{0}]",
}
SCHEMA = """
create extension citext;
create type mood as enum ('sad', 'so-so', 'happy');
create domain positive as int check (value > 0);
create domain few as positive check (value < 10);
create type address as (
    street text, number int, mood mood, moods mood[], counts positive[], one few,
    settings jsonb
);
create domain home as address check ((value).number > 0);
create domain marks as few[];
"""
INSIDE = {
    **VALUES,
    **{f"{pg_type}[]": [value, value] for pg_type, value in VALUES.items()},
    "marks": [1, 2],
    "home": COMPOSITE,
    "home[]": [COMPOSITE, COMPOSITE],
}
FIELDS = {pg_type: f"f{number}" for number, pg_type in enumerate(INSIDE)}
EVERYTHING = f"""
create type everything as ({", ".join(f"{FIELDS[each]} {each}" for each in INSIDE)});
create type twice as (one everything, several everything[]);
"""
# As a parameter of its own, and as a field of the composite that is inside another.
COMPARISON = """
-- name: compare_{field}(whole, plain)^
-- Both.
select
    ((:whole::twice).one).{field} as inside,
    (((:whole::twice).several)[1]).{field} as deep,
    :plain::{pg_type} as plain,
    ((:whole::twice).one).{field}::text = (:plain::{pg_type})::text as is_same;
"""


def _query_name(pg_type: str) -> str:
    return "echo_" + "".join(c if c.isalnum() else "_" for c in pg_type).strip("_")


def _queries() -> str:
    texts = []
    for pg_type in VALUES:
        for suffix, expression in EXPRESSIONS.items():
            name = _function_name(pg_type, suffix)
            texts.append(
                f"-- name: {name}(value)$\n-- The same.\n"
                f"select {expression.format(pg_type)} as value;\n"
            )
    texts.append(
        "-- name: echo_twice(value)$\n-- The same.\nselect :value::twice as v;"
    )
    texts += [
        COMPARISON.format(field=field, pg_type=each) for each, field in FIELDS.items()
    ]
    return "\n".join(texts)


@pytest.fixture(scope="module")
def echoes(
    tmp_path_factory: pytest.TempPathFactory, server: Any
) -> Iterator[tuple[types.ModuleType, str]]:
    conninfo = psycopg.conninfo.make_conninfo(
        "",
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        dbname=server.maintenance_dbname,
    )
    with psycopg.connect(conninfo, autocommit=True) as dba:
        name = f"authority_echoes_{os.getpid()}"
        dba.execute(f"create database {name} template template0".encode())
        own = psycopg.conninfo.make_conninfo(conninfo, dbname=name)
        folder: Path = tmp_path_factory.mktemp("echoes") / "project"
        folder.mkdir()
        project = Project.make(folder, own, SCHEMA + EVERYTHING, {"echoes": _queries()})
        yield project.generate().module("queries.echoes"), own
        dba.execute(f"drop database {name} with (force)".encode())


def hints_of(annotated: object) -> dict[str, Any]:
    """Return the types of arguments or fields."""
    return typing.get_type_hints(annotated)


def _bounds(*ranges: Range[Any]) -> list[object]:
    both = [bound for each in ranges for bound in (each.lower, each.upper)]
    return [bound for bound in both if bound is not None]


CONTENTS: dict[object, Callable[[Any], list[object]]] = {
    Sequence: list,
    Range: _bounds,
    Multirange: lambda value: _bounds(*value),
    Mapping: lambda value: [],
}


def conforms(value: object, annotation: Any) -> bool:
    """Return whether a value is of a type, parameters of generic types included."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in CONTENTS:
        return isinstance(value, origin) and all(
            conforms(each, arguments[0]) for each in CONTENTS[origin](value)
        )
    if annotation is JsonValue:
        return bool(json.dumps(value))
    if origin is Literal:
        return value in arguments
    if origin in {typing.Union, types.UnionType}:
        return any(conforms(value, argument) for argument in arguments)
    if issubclass(annotation, tuple):
        return isinstance(value, annotation) and all(
            conforms(getattr(value, name), hint)
            for name, hint in hints_of(annotation).items()
        )
    # A bool is an int, and a datetime a date, to isinstance.
    is_other = isinstance(value, bool | datetime) and type(value) is not annotation
    return isinstance(value, annotation) and not is_other


def _given(module: types.ModuleType, pg_type: str) -> object:
    value = VALUES[pg_type]
    return module.Address(*value) if pg_type == "address" else value


@pytest.mark.parametrize("pg_type", VALUES)
@pytest.mark.parametrize("way", ["", "_async"])
def test_a_value_round_trips_with_its_declared_type(
    echoes: tuple[types.ModuleType, str], pg_type: str, way: str
) -> None:
    module, conninfo = echoes
    value = _given(module, pg_type)
    check(module, conninfo, _function_name(pg_type) + way, value)


@pytest.mark.parametrize("pg_type", VALUES)
@pytest.mark.parametrize("count", [0, 2])
def test_an_array_round_trips_with_its_declared_type(
    echoes: tuple[types.ModuleType, str], pg_type: str, count: int
) -> None:
    module, conninfo = echoes
    values = [_given(module, pg_type)] * count
    check(module, conninfo, _function_name(pg_type, "_array"), values)


@pytest.mark.parametrize("pg_type", VALUES)
def test_a_null_in_an_array_is_returned_as_declared(
    echoes: tuple[types.ModuleType, str], pg_type: str
) -> None:
    module, conninfo = echoes
    function = getattr(module, _function_name(pg_type, "_and_null"))
    value = _given(module, pg_type)
    result = run(conninfo, function, value=value)
    assert result == [value, None]
    assert conforms(result, hints_of(function)["return"])


def _in_composites(module: types.ModuleType, value: Any) -> Any:
    if value is COMPOSITE:
        return module.Address(*value)
    is_list_of_them = isinstance(value, list) and value[0] is COMPOSITE
    return (
        [_in_composites(module, each) for each in value] if is_list_of_them else value
    )


def test_a_value_in_a_composite_is_sent_and_read_as_one_of_its_own(
    echoes: tuple[types.ModuleType, str],
) -> None:
    module, conninfo = echoes
    given = {each: _in_composites(module, value) for each, value in INSIDE.items()}
    everything = module.Everything(*given.values())
    whole = module.Twice(everything, [everything, None])
    with psycopg.connect(
        conninfo, options="-c TimeZone=America/New_York"
    ) as connection:
        connection.execute("set intervalstyle = sql_standard")
        result = module.echo_twice(connection, value=whole)
        for pg_type, field in FIELDS.items():
            compare = getattr(module, f"compare_{field}")
            row = compare(connection, whole=whole, plain=given[pg_type])
            assert row.inside == row.deep == row.plain, pg_type
            assert type(row.inside) is type(row.plain), pg_type
            assert row.is_same, pg_type
            assert conforms(row.plain, hints_of(type(row))["plain"]), pg_type
    assert result == whole
    assert conforms(result, hints_of(module.echo_twice)["return"])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("number", True, "value.number must be an int, not bool"),
        ("number", 2**31, "value.number must be within the range of integer"),
        ("mood", "angry", "value.mood must be one of 'sad', 'so-so', 'happy'"),
        ("moods", "sad", "value.moods must be a sequence, not str"),
        ("street", "\0", "value.street must not contain a NUL character"),
    ],
)
def test_a_wrong_field_of_a_composite_is_refused(
    echoes: tuple[types.ModuleType, str], field: str, value: object, message: str
) -> None:
    module, conninfo = echoes
    wrong = module.Address(*COMPOSITE)._replace(**{field: value})
    with pytest.raises(InvalidArgumentError) as refused:
        run(conninfo, module.echo_address, value=wrong)
    assert (str(refused.value), refused.value.argument) == (message, "value")


def test_a_text_in_a_document_of_a_composite_stays_a_text(
    echoes: tuple[types.ModuleType, str],
) -> None:
    module, conninfo = echoes
    given = module.Address(*COMPOSITE)._replace(settings='{"a": 1}')
    assert run(conninfo, module.echo_address, value=given) == given


def _function_name(pg_type: str, array: str = "") -> str:
    return _query_name(pg_type) + array + ("_internal" if pg_type == '"char"' else "")


def check(module: types.ModuleType, conninfo: str, name: str, value: object) -> None:
    function = getattr(module, name)
    hints = hints_of(function)
    assert conforms(value, hints["value"])
    result = run(conninfo, function, value=value)
    assert result == value
    assert conforms(result, hints["return"]), (result, hints["return"])


def run(conninfo: str, function: Any, **arguments: object) -> object:
    if not inspect.iscoroutinefunction(function):
        with psycopg.connect(conninfo) as connection:
            return function(connection, **arguments)

    async def call() -> object:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            return await function(connection, **arguments)

    return asyncio.run(call())


def test_an_address_with_a_prefix_is_an_address(
    echoes: tuple[types.ModuleType, str],
) -> None:
    module, conninfo = echoes
    value = IPv4Interface("10.1.2.3/8")
    result = run(conninfo, module.echo_inet, value=value)
    assert result == value
    assert isinstance(result, IPv4Address)


def test_the_labels_of_an_enum_keep_their_order(
    echoes: tuple[types.ModuleType, str],
) -> None:
    module, _ = echoes
    hint = hints_of(module.echo_mood)["value"]
    assert hint == Literal["sad", "so-so", "happy"] | None


def test_an_int_given_for_a_float_is_sent_as_a_float(
    echoes: tuple[types.ModuleType, str],
) -> None:
    module, conninfo = echoes
    assert isinstance(run(conninfo, module.echo_real, value=3), float)
    assert run(conninfo, module.echo_real_array, value=[3, 0.5]) == [3.0, 0.5]


def test_a_naive_moment_in_an_array_is_refused(
    echoes: tuple[types.ModuleType, str],
) -> None:
    module, conninfo = echoes
    with pytest.raises(InvalidArgumentError, match="value must have a time zone"):
        run(conninfo, module.echo_timestamptz_array, value=[NAIVE])
