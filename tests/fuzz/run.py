"""A run: many statements drawn, scored and summed up."""

from collections.abc import Iterable, Mapping

import psycopg

from authority_queries.codegen.analysis.analyst import Analyst
from tests.fuzz.laboratory import Laboratory
from tests.fuzz.report import Tally
from tests.fuzz.rules import ANALYST, BOLD, CAREFUL, Describe, OfTheCatalogue
from tests.fuzz.scoring import score
from tests.fuzz.statements import draw


def all_rules(laboratory: Laboratory) -> dict[str, Describe]:
    """Give the product's analysis, and the rules that it is compared with."""
    connection, world = laboratory.empty, laboratory.world
    return {
        ANALYST: Analyst(laboratory.analysed).describe,
        CAREFUL: OfTheCatalogue(connection, world).describe,
        BOLD: OfTheCatalogue(connection, world, bold=True).describe,
    }


def run(
    laboratory: Laboratory, rules: Mapping[str, Describe], seeds: Iterable[int]
) -> Tally:
    """Score the statements of these seeds."""
    tally = Tally(laboratory.world.version, tuple(rules))
    for seed in seeds:
        try:
            tally.add(score(laboratory, draw(laboratory.world, seed), rules))
        except psycopg.OperationalError as error:
            error.add_note(f"PostgreSQL did not survive --only {seed}")
            raise
    return tally
