"""Rules of the whole catalogue. Each file gives the offenders; there must be none."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.schema.breakages import BREAKAGES

INVARIANTS = sorted((Path(__file__).parent / "invariants").glob("*.sql"))


def offenders(dba: "psycopg.Connection[Any]", invariant: Path) -> list[str]:
    return [name for (name,) in dba.execute(invariant.read_bytes()).fetchall()]


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda path: path.stem)
def test_the_catalogue_keeps(invariant: Path, dba: "psycopg.Connection[Any]") -> None:
    assert offenders(dba, invariant) == []


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda path: path.stem)
def test_each_breach_is_seen_of(
    invariant: Path, dba: "psycopg.Connection[Any]"
) -> None:
    for breakage in BREAKAGES[invariant.stem]:
        # Rolled back: roles are the whole server's.
        with dba.transaction(force_rollback=True):
            dba.execute(breakage.encode())
            assert len(offenders(dba, invariant)) == 1, breakage
