"""What a migration of a live system must not do, judged by what was observed.

squawk, in `make lint`, reads the SQL and refuses some of it earlier. These rules see
through a DO block, a procedure, and a cast that happens to rewrite a table.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tests.schema.observing import Observed

LONGEST_WAIT: Final = 2000  # ms: lock_timeout
# Modes that make readers or writers of a table wait.
_BLOCKS_READERS: Final = "AccessExclusiveLock"
_BLOCKS_WRITERS: Final = {
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    _BLOCKS_READERS,
}


def faults(observed: Iterable[Observed]) -> list[str]:
    """Return why the migration must not be applied to a live system."""
    found: list[str] = []
    for seen in observed:
        if seen.is_concurrent:
            continue
        every = (_rewrites, _scans, _proofs, _locks, _waits, _changes)
        found += [why for rule in every for why in rule(seen) if why not in found]
    return found


def _rewrites(seen: Observed) -> Iterator[str]:
    for name in sorted(seen.rewritten):
        yield (
            f"rewrite: {name} is rewritten: add a new column, backfill it, and drop "
            "the old one"
        )


def _scans(seen: Observed) -> Iterator[str]:
    for table, why in sorted(seen.scans.items()):
        if modes := seen.locks.get(table, set()) & _BLOCKS_WRITERS:
            yield (
                f"scan: {table} is read whole {why} while others wait "
                f"({_names(modes)}): use `not valid` and validate in the next "
                "migration, or `concurrently`"
            )


def _proofs(seen: Observed) -> Iterator[str]:
    for name in sorted(seen.unproved):
        yield (
            f"hidden proof: {name} is validated by the owner, from whom row-level "
            "security hides all rows: use `no force row level security` meanwhile"
        )


def _locks(seen: Observed) -> Iterator[str]:
    locked = _locked(seen.locks)
    if len(locked) > 1:
        yield (
            f"two locks: {', '.join(locked)} are locked together: readers lock them in "
            "another order, which is a deadlock: use a migration for each"
        )


def _locked(locks: Mapping[str, set[str]]) -> list[str]:
    return sorted(name for name, modes in locks.items() if _BLOCKS_READERS in modes)


def _waits(seen: Observed) -> Iterator[str]:
    blocked = any(modes & _BLOCKS_WRITERS for modes in seen.locks.values())
    if blocked and not 0 < seen.lock_timeout <= LONGEST_WAIT:
        yield (
            f"timeout: lock_timeout is {seen.lock_timeout} ms: others wait behind a "
            f"lock that waits; at most {LONGEST_WAIT} ms"
        )


def _changes(seen: Observed) -> Iterator[str]:
    for table in sorted(seen.isolated):
        inserted, changed = seen.inserted[table], seen.changed[table]
        if changed:
            yield (
                f"rows: {changed} rows of {table} are changed: use `authority backfill`"
            )
        elif not inserted and table in seen.written:
            yield (
                f"hidden rows: {table} was written to and no row has changed: "
                "row-level security hides all rows from the owner: use "
                "`authority backfill`"
            )


def _names(modes: set[str]) -> str:
    spaced = (mode.removesuffix("Lock") for mode in sorted(modes))
    words = ("".join(f" {c}" if c.isupper() else c for c in one) for one in spaced)
    return ", ".join(word.strip().upper() for word in words)
