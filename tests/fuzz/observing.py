"""The actual results of a statement in several databases."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from authority_queries.codegen.facts import Description, Fact, Parameter
from tests.fuzz.laboratory import Laboratory
from tests.fuzz.statements import Drawn
from tests.fuzz.world import Connection

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_NULL_ELEMENT: Final = re.compile(r"(?<=[{,])NULL(?=[,}])")
_KINDS: Final = {"{": "object", "[": "array"}


@dataclass(slots=True)
class Seen:
    """The values of a column in all rows of all runs."""

    is_array: bool

    null: bool = False
    null_element: bool = False
    texts: set[str] = field(default_factory=set)

    def add(self, value: bytes | None) -> None:
        if value is None:
            self.null = True
            return
        text = value.decode()
        self.texts.add(text)
        if self.is_array:
            self.null_element |= _has_null_element(text)

    @property
    def json_kinds(self) -> set[str]:
        """The kinds of the texts, read as jsonb: object, array or scalar."""
        return {_json_kind(text) for text in self.texts}


@dataclass(slots=True)
class Observation:
    """All results of a statement. `failed` counts runs without a result.

    `null_refused`: the description lets a parameter be None, and that None violated a
    NOT NULL where other values did not.
    """

    columns: list[Seen]
    rows: bool = False
    empty: bool = False
    succeeded: int = 0
    failed: int = 0
    null_refused: bool = False


def observe(
    laboratory: Laboratory,
    drawn: Drawn,
    parameters: Sequence[Parameter],
    reference: Description,
) -> Observation:
    """Run the statement on each database, with values and with permitted nulls."""
    arrays = laboratory.world.arrays
    observation = Observation(
        [Seen(is_array=column.type_oid in arrays) for column in reference.columns]
    )
    types = [
        laboratory.world.oids[one.declared] if one.declared else 0
        for one in drawn.inputs
    ]
    rng = Random(drawn.seed)
    for connection in laboratory.filled:
        accepted = False
        for values in _arguments(drawn, parameters, rng):
            result = _run(connection, drawn.sql, values, types)
            _note(observation, result)
            observation.null_refused |= accepted and _breaks_not_null(result)
            accepted |= result.status == ExecStatus.TUPLES_OK
    return observation


def _breaks_not_null(result: PGresult) -> bool:
    return result.error_field(DiagnosticField.SQLSTATE) == b"23502"


def _arguments(
    drawn: Drawn, parameters: Sequence[Parameter], rng: Random
) -> Iterator[list[bytes | None]]:
    values = [
        rng.choice(_demanded(one.samples, parameter.fact)).encode()
        for one, parameter in zip(drawn.inputs, parameters, strict=True)
    ]
    yield [*values]
    takes_null = [parameter.fact.nullable for parameter in parameters]
    if any(takes_null):
        yield _without(values, takes_null)
    if takes_null.count(True) > 1:
        yield _without(values, [null and rng.random() < 0.5 for null in takes_null])


def _demanded(samples: Sequence[str], fact: Fact) -> Sequence[str]:
    """Keep the values that the description permits to be sent."""
    if fact.values is not None:
        return [text for text in samples if text in fact.values] or sorted(fact.values)
    if not fact.elements_nullable:
        return [text for text in samples if not _has_null_element(text)] or samples
    if fact.json_kind is not None:
        return [
            text for text in samples if _json_kind(text) == fact.json_kind
        ] or samples
    return samples


def _has_null_element(text: str) -> bool:
    return bool(_NULL_ELEMENT.search(_QUOTED.sub("", text)))


def _json_kind(text: str) -> str:
    return _KINDS.get(text[:1], "scalar")


def _without(values: Sequence[bytes], nulls: Sequence[bool]) -> list[bytes | None]:
    pairs = zip(values, nulls, strict=True)
    return [None if null else value for value, null in pairs]


def _run(
    connection: Connection,
    sql: str,
    values: Sequence[bytes | None],
    types: Sequence[int],
) -> PGresult:
    """Execute and roll back."""
    connection.pgconn.exec_(b"begin")
    try:
        return connection.pgconn.exec_params(sql.encode(), values, types)
    finally:
        connection.pgconn.exec_(b"rollback")


def _note(observation: Observation, result: PGresult) -> None:
    if result.status != ExecStatus.TUPLES_OK:
        observation.failed += 1
        return
    observation.succeeded += 1
    if result.ntuples:
        observation.rows = True
    else:
        observation.empty = True
    for row in range(result.ntuples):
        for number, seen in enumerate(observation.columns):
            seen.add(result.get_value(row, number))
