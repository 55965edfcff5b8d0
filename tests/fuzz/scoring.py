"""Compares a description with the results: its wrong and its too cautious claims."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from authority_queries.codegen.facts import Column, Description
from tests.fuzz.laboratory import Laboratory
from tests.fuzz.observing import Observation, Seen, observe
from tests.fuzz.rules import Describe, OfTheCatalogue, RefusedError
from tests.fuzz.statements import Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one rule's description of a statement: its errors, and counts."""

    unsound: tuple[str, ...]
    unsound_columns: int
    overcautious: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The outcome of one statement. Without verdicts it was not scored.

    `refused` is the server's message where it does not prepare the statement.
    `columns` counts those that came with a row. `null_refused` as in Observation.
    """

    drawn: Drawn
    refused: str | None = None
    columns: int = 0
    null_refused: bool = False
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


def score(laboratory: Laboratory, drawn: Drawn, rules: Mapping[str, Describe]) -> Score:
    """Describe by each rule, run, compare. The first rule chooses the nulls to send."""
    types = [
        laboratory.world.oids[one.declared] if one.declared else 0
        for one in drawn.inputs
    ]
    plain = OfTheCatalogue(laboratory.empty, laboratory.world)
    try:
        reference = plain.describe(drawn.sql, types)
    except RefusedError as refusal:
        return Score(drawn=drawn, refused=str(refusal))
    said = {
        name: _describe(describe, drawn.sql, types) for name, describe in rules.items()
    }
    first = next(iter(said.values()))
    parameters = (reference if isinstance(first, str) else first).parameters
    seen = observe(laboratory, drawn, parameters, reference)
    if not seen.succeeded:
        return Score(drawn=drawn)
    return Score(
        drawn=drawn,
        columns=len(seen.columns) if seen.rows else 0,
        null_refused=seen.null_refused,
        verdicts={
            name: judge(description, reference, seen)
            for name, description in said.items()
        },
    )


def _describe(
    describe: Describe, statement: str, types: Sequence[int]
) -> Description | str:
    """Describe a statement. A failure is a finding: return its message."""
    try:
        return describe(statement, types)
    except Exception as error:  # whatever it is, the run goes on
        return f"not described: {type(error).__name__}: {error}"


def judge(
    description: Description | str, reference: Description, seen: Observation
) -> Verdict:
    """Compare a description with RowDescription and with the results."""
    if isinstance(description, str):
        return Verdict(unsound=(description,), unsound_columns=0, overcautious=0)
    complaints = list(_shape(description, reference, seen))
    unsound_columns = 0
    for number, (column, came) in enumerate(
        zip(description.columns, seen.columns, strict=False), 1
    ):
        wrong = list(_wrong(column, came))
        unsound_columns += bool(wrong)
        complaints += (f"column {number} ({column.name}) {what}" for what in wrong)
    return Verdict(
        unsound=tuple(complaints),
        unsound_columns=unsound_columns,
        overcautious=sum(
            seen.rows and column.fact.nullable and not came.null
            for column, came in zip(description.columns, seen.columns, strict=False)
        ),
    )


def _shape(
    description: Description, reference: Description, seen: Observation
) -> Iterator[str]:
    if description.always_a_row and seen.empty:
        yield "claims a row, and none was returned"
    said = [(column.name, column.type_oid) for column in description.columns]
    true = [(column.name, column.type_oid) for column in reference.columns]
    if said != true:
        yield f"columns are {true}, not {said}"
    said_types = [parameter.type_oid for parameter in description.parameters]
    true_types = [parameter.type_oid for parameter in reference.parameters]
    if said_types != true_types:
        yield f"types of parameters are {true_types}, not {said_types}"


def _wrong(column: Column, came: Seen) -> Iterator[str]:
    fact = column.fact
    if not fact.nullable and came.null:
        yield "is claimed to be never null, and was"
    if fact.values is not None and not came.texts <= fact.values:
        yield f"is claimed to be one of {sorted(fact.values)}, and was {came.texts}"
    if not fact.elements_nullable and came.null_element:
        yield "is claimed to have no null in its arrays, and had"
    if fact.json_kind is not None and not came.json_kinds <= {fact.json_kind}:
        yield f"is claimed to be a jsonb {fact.json_kind}, and was {came.texts}"
