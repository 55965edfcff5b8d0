"""Rules of the whole catalogue. Each file returns the offenders; there must be none."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.schema.breakages import BREAKAGES

INVARIANTS = sorted((Path(__file__).parent / "invariants").glob("*.sql"))


def offenders(dba: "psycopg.Connection[Any]", invariant: Path) -> list[str]:
    return [name for (name,) in dba.execute(invariant.read_bytes()).fetchall()]


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda path: path.stem)
def test_the_catalogue_keeps_the_rule(
    invariant: Path, dba: "psycopg.Connection[Any]"
) -> None:
    assert offenders(dba, invariant) == []


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda path: path.stem)
def test_each_breach_is_found_by_the_rule(
    invariant: Path, dba: "psycopg.Connection[Any]"
) -> None:
    for breakage in BREAKAGES[invariant.stem]:
        # The breakage is rolled back, because roles belong to the whole server.
        with dba.transaction(force_rollback=True):
            dba.execute(breakage.encode())
            assert len(offenders(dba, invariant)) == 1, breakage
