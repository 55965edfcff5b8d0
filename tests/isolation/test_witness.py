"""Each way of looking for a secret finds one that is put there."""

import base64
import json
import logging
import secrets
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from tests.conftest import conninfo_of
from tests.isolation.canary import Canary, spelt
from tests.isolation.secret_operations import random_text
from tests.isolation.secret_stage import Stage
from tests.isolation.witness import Witness
from tests.stores import Logins


@pytest.fixture
def stage(logins: Logins, dba: "psycopg.Connection[Any]") -> Stage:
    return Stage.of(logins, dba)


@pytest.mark.parametrize("spelling", range(len(list(spelt(b"spelling 123")))))
def test_a_canary_is_found_in_each_spelling(spelling: int) -> None:
    octets = secrets.token_bytes(43)
    canary = Canary.of("any", octets)
    written = [*spelt(octets)][spelling]
    assert canary.is_in(b"before" + written + b"after")
    assert not canary.is_in(b"before" + [*spelt(octets[1:11])][spelling] + b"after")


def test_a_canary_is_found_in_what_surrounds_it() -> None:
    canary = Canary.of("any", (raw := random_text()))
    header = base64.b64encode(f"client:{raw}".encode())
    assert canary.is_in(header)
    assert canary.is_in(urlencode({"token": raw, "a": "b"}).encode())
    assert canary.is_in(json.dumps({"token": [raw]}).encode())
    assert canary.is_in(f"{raw[:20]}…".encode())


def leak_to_log(witness: Witness, dba: "psycopg.Connection[Any]", raw: str) -> None:
    logging.getLogger("psycopg.pool").debug("no: %s", raw)


def leak_to_a_trace(witness: Witness, dba: "psycopg.Connection[Any]", raw: str) -> None:
    try:
        raise ValueError(raw)
    except ValueError:
        logging.getLogger("asyncio").exception("no")


def leak_to_warnings(
    witness: Witness, dba: "psycopg.Connection[Any]", raw: str
) -> None:
    warnings.warn(f"no: {raw}", stacklevel=1)


def leak_to_repr(witness: Witness, dba: "psycopg.Connection[Any]", raw: str) -> None:
    witness.note_result([raw])


def leak_to_a_hidden_error(
    witness: Witness, dba: "psycopg.Connection[Any]", raw: str
) -> None:
    try:
        try:
            raise ValueError(raw)
        except ValueError:
            raise KeyError from None
    except KeyError as error:
        witness.note_error(error)


def leak_to_a_row(witness: Witness, dba: "psycopg.Connection[Any]", raw: str) -> None:
    dba.execute("create table public.kept as select %s::text as value", [raw])


def leak_to_a_statement(
    witness: Witness, dba: "psycopg.Connection[Any]", raw: str
) -> None:
    with psycopg.connect(conninfo_of(dba)) as connection:
        connection.execute(f"select '{raw}'".encode())
        witness.look_at_activity()


def leak_to_a_parameter(
    witness: Witness, dba: "psycopg.Connection[Any]", raw: str
) -> None:
    with psycopg.connect(conninfo_of(dba)) as connection:
        connection.execute("select %s::bytea", [b"\0" + raw.encode()])


@pytest.mark.parametrize(
    ("leak", "places"),
    [
        (leak_to_log, {"log"}),
        (leak_to_a_trace, {"log"}),
        (leak_to_warnings, {"warnings"}),
        (leak_to_repr, {"repr"}),
        (leak_to_a_hidden_error, {"error"}),
        (leak_to_a_row, {"tables", "dump"}),
        (leak_to_a_statement, {"activity", "server log"}),
        (leak_to_a_parameter, {"server log"}),
    ],
)
def test_a_leak_is_found_where_it_is(
    stage: Stage,
    leak: Callable[[Witness, "psycopg.Connection[Any]", str], None],
    places: set[str],
) -> None:
    raw, witness = random_text(), stage.witness
    with witness.watching():
        leak(witness, stage.dba, raw)
    witness.look_at_data()
    witness.note("server log", stage.server_log.read())
    found = witness.leaks([Canary.of("raw", raw)])
    assert found == {(place, "raw") for place in places}
