"""A run: many statements drawn, scored and summed up."""

from collections.abc import Iterable, Mapping, Sequence

import psycopg

from authority_queries.codegen.analysis.analyst import Analyst
from tests.fuzz.laboratory import Laboratory, laboratory
from tests.fuzz.report import Tally
from tests.fuzz.rules import ANALYST, BOLD, CAREFUL, Describe, OfTheCatalogue
from tests.fuzz.scoring import score
from tests.fuzz.statements import draw


def all_rules(databases: Laboratory) -> dict[str, Describe]:
    """Return this package's analysis, and the rules that it is compared with."""
    connection, world = databases.empty, databases.world
    return {
        ANALYST: Analyst(databases.analysed).describe,
        CAREFUL: OfTheCatalogue(connection, world).describe,
        BOLD: OfTheCatalogue(connection, world, bold=True).describe,
    }


def run(
    databases: Laboratory, rules: Mapping[str, Describe], seeds: Iterable[int]
) -> Tally:
    """Score the statements of these seeds."""
    tally = Tally(databases.world.version, tuple(rules))
    for seed in seeds:
        tally.add(score(databases, draw(databases.world, seed), rules))
    return tally


def run_through_crashes(server: str, fillings: int, seeds: Sequence[int]) -> Tally:
    """Score the statements of these seeds, some of which PostgreSQL may not survive.

    After a crash the databases are created again, and the next statement follows.
    """
    tally: Tally | None = None
    left = [*reversed(seeds)]
    while left:
        with laboratory(server, fillings) as databases:
            rules = all_rules(databases)
            tally = tally or Tally(databases.world.version, tuple(rules))
            while left:
                seed = left.pop()
                try:
                    tally.add(score(databases, draw(databases.world, seed), rules))
                except psycopg.OperationalError:
                    tally.crashes.append(seed)
                    break
    assert tally is not None, "no seeds"
    return tally
