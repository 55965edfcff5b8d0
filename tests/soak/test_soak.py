"""A short soak under faults; `make soak` and `make chaos` are the long ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.canaries import CANARIES, SEEN
from tests.soak.plan import Plan
from tests.soak.report import report
from tests.soak.run import run
from tests.soak.server_and_proxy import Stage, before
from tests.stores import Logins

# All tests share the server: it is neither killed nor stopped.
SHORT = Plan(
    seconds=0,
    seed=1,
    faults=("kill", "halve", "lose", "cancel", "interrupt", "fork"),
    threads=2,
    tasks=2,
    homes=2,
    patience=2,
    fault_seconds=0.3,
    calm_seconds=0.1,
)


@pytest.fixture
def stage(logins: Logins, tmp_path: Path) -> Iterator[Stage]:
    with before(logins, tmp_path) as stage:
        yield stage


def test_services_under_faults_violate_nothing_and_lose_no_connection(
    stage: Stage, figures: list[str]
) -> None:
    tally = run(stage, SHORT)
    calls = sum(tally.outcomes.values())
    figures.append(
        f"{calls} calls under {tally.faults.total()} faults: "
        f"{tally.violations.total()} violations, {tally.errors.total()} errors"
    )
    assert not tally.violations, [*report(tally, SHORT, "", 0)][-1]
    assert calls > 200
    assert {*tally.faults} == {*SHORT.faults}
    unknown = sum(
        n for (_, outcome), n in tally.outcomes.items() if outcome == "unknown"
    )
    assert unknown > 0


def test_the_ledger_finds_each_rule_that_is_broken_on_purpose(stage: Stage) -> None:
    tally = run(stage, Plan(seconds=0.5, homes=1, patience=1, canaries=[*CANARIES]))
    assert {*SEEN.values()} <= {*tally.violations}
