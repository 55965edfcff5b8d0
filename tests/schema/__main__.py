"""`python -m tests.schema FILE…`: what migrations would do to a live system."""

import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg

from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.resources import MIGRATIONS
from tests.isolation.matrix.world import OWN, fill
from tests.schema.live_rules import faults
from tests.schema.observing import observe


def main(files: Sequence[str]) -> int:
    """Apply the files to the present schema with rows. Return 1 if one is refused."""
    with throwaway_database([MIGRATIONS]) as conninfo:
        with psycopg.connect(conninfo) as dba:
            fill(dba, code=OWN, extent=1, ids="aaaaaaaa")
        return max([show(conninfo, Path(file)) for file in files], default=0)


def show(conninfo: str, file: Path) -> int:
    """Print the locks of each statement, and what the rules say."""
    observed = observe(conninfo, file)
    held: set[tuple[str, str]] = set()
    for seen in observed:
        taken = {(mode, name) for name, modes in seen.locks.items() for mode in modes}
        print(f"{file.name}: {' '.join(seen.sql.split())[:70]}")
        for mode, name in sorted(taken - held):
            print(f"    {mode} on {name}")
        held = taken
    found = faults(observed)
    for fault in found:
        print(f"{file.name}: refused: {fault}")
    return int(bool(found))


if __name__ == "__main__":
    if not sys.argv[1:] or not all(Path(file).is_file() for file in sys.argv[1:]):
        sys.exit(f"usage: {str(__doc__).partition('`')[2].partition('`')[0]}")
    sys.exit(main(sys.argv[1:]))
