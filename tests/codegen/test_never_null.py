"""The functions of never_null.txt return no null, even for extreme values."""

import itertools
import random
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from authority_queries.codegen.analysis.catalogue import Catalogue

MOST_CALLS = 400
INTEGERS = ["0", "1", "-1", "7"]
TEXTS = [
    "''",
    "'public'",
    "'create'",
    "'work_mem'",
    "'postgres'",
    "'a'",
    "'%'",
    "'NFC'",
    "'hex'",
    "'UTC'",
    "'day'",
    "'{a}'",
    "'UTF8'",
]
TIMES = ["'infinity'", "'-infinity'", "'epoch'", "'2026-02-28 23:59:60'"]
VALUES = {
    "smallint": INTEGERS,
    "integer": [*INTEGERS, "2147483647"],
    "bigint": [*INTEGERS, "9223372036854775807"],
    "oid": ["0", "1", "4294967295"],
    "real": ["'NaN'", "'Infinity'", "0", "1.5"],
    "double precision": ["'NaN'", "'Infinity'", "'-Infinity'", "0", "1.5"],
    "numeric": ["'NaN'", "'Infinity'", "'-Infinity'", "0", "1.5"],
    "boolean": ["true", "false"],
    "text": TEXTS,
    "character varying": TEXTS,
    "character": TEXTS,
    '"char"': ["''", "'a'"],
    "name": TEXTS,
    "bytea": ["''", "'\\x00ff'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'"],
    "date": TIMES[:3],
    "time without time zone": ["'24:00'", "'00:00'"],
    "time with time zone": ["'24:00+14'", "'00:00'"],
    "timestamp without time zone": TIMES,
    "timestamp with time zone": TIMES,
    "interval": ["'0'", "'1 mon -1 day'", "'-999999 years'"],
    "json": ["'null'", "'{}'", "'[]'", "'\"a\"'", "'[null]'"],
    "jsonb": ["'null'", "'{}'", "'[]'", "'\"a\"'", "'[null]'", "'{\"a\": null}'"],
    "inet": ["'0.0.0.0/0'", "'::/0'", "'192.0.2.1'", "'2001:db8::1'"],
    "cidr": ["'0.0.0.0/0'", "'::/0'"],
    "text[]": ["'{}'", "'{null}'", "'{a,b}'"],
    "integer[]": ["'{}'", "'{null}'", "'{1,2}'"],
    "record": ["row()", "row(null)", "row(1, 'a')"],
}
# Types in place of pseudotypes.
STAND_INS = {
    "anyarray": "integer[]",
    "anycompatiblearray": "integer[]",
    "anycompatible": "integer",
    "anyelement": "text[]",
    '"any"': "text",
}


def calls(signature: str) -> Iterator[str]:
    """Return calls of a function with values that are not null, extreme ones too."""
    match = re.fullmatch(r"(.+?)\((.*)\)", signature)
    assert match is not None
    name, types = match[1], [kind for kind in match[2].split(",") if kind]
    if types == ['"any"']:  # any number of them
        types *= 2
    pools = [
        [
            value if kind == "record" else f"{value}::{STAND_INS.get(kind, kind)}"
            for value in VALUES.get(STAND_INS.get(kind, kind), [])
        ]
        for kind in types
    ]
    combinations = list(itertools.product(*pools))
    chosen = random.Random(name).sample(  # noqa: S311 -- the same values each time
        combinations, min(MOST_CALLS, len(combinations))
    )
    for arguments in chosen:
        yield f'pg_catalog."{name}"({", ".join(arguments)})'


@pytest.fixture
def catalogue(dba: "psycopg.Connection[Any]") -> Catalogue:
    return Catalogue(dba)


def nulls_of(signature: str, dba: "psycopg.Connection[Any]") -> tuple[int, list[str]]:
    """Return how many calls succeeded, and which of them returned null."""
    went_well, nulls = 0, []
    dba.execute("set statement_timeout = '100ms'; set temp_file_limit = '50MB'")
    for call in calls(signature):
        try:
            # In FROM PostgreSQL would compute an endless series first.
            sql = f"select r is null from (select {call} as r limit 20) as s"  # noqa: S608 -- of our own list
            rows = dba.execute(sql.encode()).fetchall()
        except psycopg.Error:
            continue
        went_well += 1
        if (True,) in rows:
            nulls.append(call)
    return went_well, nulls


def test_no_listed_function_returns_null(
    catalogue: Catalogue, dba: "psycopg.Connection[Any]"
) -> None:
    allowed = catalogue.allowed
    listed = allowed.of_values | allowed.of_anything | allowed.row_functions
    found = {signature: nulls_of(signature, dba) for signature in sorted(listed)}
    assert [nulls for _, nulls in found.values() if nulls] == []
    uncalled = {signature for signature, (count, _) in found.items() if not count}
    assert uncalled == set()


def test_no_comparison_returns_null(
    catalogue: Catalogue, dba: "psycopg.Connection[Any]"
) -> None:
    compared = {
        catalogue.functions[oid].signature for oid in catalogue.never_null
    } - catalogue.allowed.of_values
    found = {signature: nulls_of(signature, dba) for signature in sorted(compared)}
    assert [nulls for _, nulls in found.values() if nulls] == []
    # The others take rare types: oidvector, pg_lsn, tsquery …
    assert sum(count > 0 for count, _ in found.values()) > 150


def test_the_omitted_functions_return_null(
    dba: "psycopg.Connection[Any]",
) -> None:
    left_out = [
        "date_part(text,timestamp with time zone)",
        "time(timestamp without time zone)",
        "to_char(timestamp with time zone,text)",
        "array_length(anyarray,integer)",
        "jsonb_object_field(jsonb,text)",
        "jsonb_array_elements_text(jsonb)",
    ]
    assert all(nulls_of(signature, dba)[1] for signature in left_out)


def test_every_name_in_the_list_is_a_function_of_postgresql(
    catalogue: Catalogue,
) -> None:
    allowed = catalogue.allowed
    signatures = {function.signature for function in catalogue.functions.values()}
    names = {function.name for function in catalogue.functions.values()}
    listed = (
        allowed.of_values
        | allowed.of_anything
        | allowed.row_functions
        | allowed.window_functions
    )
    newer = {"any_value"}  # PostgreSQL 16
    assert listed - signatures == set()
    assert (allowed.aggregates | allowed.strict_aggregates) - names <= newer
