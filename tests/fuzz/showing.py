"""Shows one statement and the errors about it, shortened on request."""

from dataclasses import replace

from tests.fuzz.laboratory import Laboratory
from tests.fuzz.report import explain
from tests.fuzz.rules import ANALYST
from tests.fuzz.run import all_rules
from tests.fuzz.scoring import Score, score
from tests.fuzz.shrinking import shrink
from tests.fuzz.statements import Drawn, draw


def show(laboratory: Laboratory, seed: int, *, shorter: bool) -> str:
    """Return the report on this seed's statement. Shortening it can take minutes."""
    drawn = draw(laboratory.world, seed)
    if shorter:
        drawn = _shortened(laboratory, drawn)
    outcome = score(laboratory, drawn, all_rules(laboratory))
    inputs = [
        f"${number}: declared {given.declared}, one of {given.samples}"
        for number, given in enumerate(drawn.inputs, 1)
    ]
    if outcome.refused is not None:
        return "\n".join((drawn.sql, outcome.refused))
    if not outcome.verdicts:
        return "\n".join((drawn.sql, *inputs, "failed at run time each time"))
    said = (
        f"== {rule}, {verdict.overcautious} over-cautious\n{explain(outcome, rule)}"
        for rule, verdict in outcome.verdicts.items()
    )
    return "\n".join((*said, *inputs))


def _shortened(laboratory: Laboratory, drawn: Drawn) -> Drawn:
    rules = {ANALYST: all_rules(laboratory)[ANALYST]}

    def kinds(outcome: Score) -> set[str]:
        found = outcome.verdicts[ANALYST].unsound if outcome.verdicts else ()
        return {complaint.rpartition(") ")[2][:40] for complaint in found}

    wrong = kinds(score(laboratory, drawn, rules))

    def still_wrong(sql: str) -> bool:
        return bool(wrong & kinds(score(laboratory, replace(drawn, sql=sql), rules)))

    return replace(drawn, sql=shrink(drawn.sql, still_wrong)) if wrong else drawn
