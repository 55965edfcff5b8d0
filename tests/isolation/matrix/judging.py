"""A leak is every difference that the other tenant's rows make.

A query is run twice: in a world with both tenants, and in one where only the asking
tenant lives. If both results are equal (rows, counts and errors alike) it has read
nothing foreign; and in the first world the foreign rows must be as before.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from authority_queries.codegen.query import Query
from tests.isolation.matrix.arguments import full_name
from tests.isolation.matrix.running import Caller, Outcome, RewritingCursor, Runner
from tests.isolation.matrix.world import World


@dataclass(frozen=True, kw_only=True)
class Case:
    """A query, its caller and its arguments.

    `instead` is the text that is sent in place of the query's own, to break it.
    """

    query: Query
    role: str
    caller: Caller
    arguments: Mapping[str, object]
    instead: str | None = None


@dataclass(frozen=True, order=True)
class Leak:
    """A query that leaks, the role, and the difference."""

    query: str
    role: str
    what: str

    def __str__(self) -> str:
        return f"{self.query} as {self.role}: {self.what}"


def outcomes_of(
    runner: Runner, cases: Sequence[Case], *, looks: bool = True
) -> list[Outcome]:
    """Run each case in the world as it is now."""
    outcomes = []
    for case in cases:
        with _sent_instead(case):
            outcomes.append(
                runner.run(case.query, case.caller, case.arguments, looks=looks)
            )
    return outcomes


def outcomes_without(
    world: World, runner: Runner, cases: Sequence[Case]
) -> list[Outcome]:
    """Run each case where the asking tenant lives alone: these results are right."""
    with world.without_foreign():
        return outcomes_of(runner, cases, looks=False)


def leaks_of(world: World, cases: Sequence[Case]) -> list[list[Leak]]:
    """Run each case with the other tenant and without; return each one's leak."""
    runner = Runner(world)
    together = outcomes_of(runner, cases)
    alone = outcomes_without(world, runner, cases)
    return compared(runner, cases, together, alone)


def compared(
    runner: Runner,
    cases: Sequence[Case],
    together: Sequence[Outcome],
    alone: Sequence[Outcome],
) -> list[list[Leak]]:
    """Return each case's difference between the two worlds."""
    return [
        [
            Leak(full_name(case.query), case.role, what)
            for what in _differences(runner, case, seen, expected)
        ]
        for case, seen, expected in zip(cases, together, alone, strict=True)
    ]


def _differences(
    runner: Runner, case: Case, seen: Outcome, alone: Outcome
) -> Iterator[str]:
    if seen.result != alone.result:
        yield "reads or counts foreign rows"
    for table, digest in seen.foreign.items():
        if digest != runner.untouched.foreign[table]:
            yield f"changes foreign rows of {table}"
    roots = {table.name for table in runner.world.tables if not table.is_partition}
    for name in sorted(roots & seen.mixed - runner.untouched.mixed):
        yield f"writes a foreign id into {name}"
    if seen.tenant != str(case.caller.tenant or ""):
        yield "goes on working for another tenant"


@contextmanager
def _sent_instead(case: Case) -> Iterator[None]:
    if case.instead is not None:
        RewritingCursor.instead = {case.query.sql: case.instead}
    try:
        yield
    finally:
        RewritingCursor.instead = {}
