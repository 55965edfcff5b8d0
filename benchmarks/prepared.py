"""Times prepared statements at the server: no driver's work, no planning."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import psycopg
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn

# The server chooses a generic plan after five executions at the earliest.
_WARM_UP: Final = 50
_ROWS: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Prepared:
    """A statement that libpq has prepared on a connection of its own."""

    def __init__(
        self,
        connection: psycopg.Connection[object],
        sql: str,
        arguments: Callable[[], Sequence[bytes | None]],
    ) -> None:
        """Prepare the statement, which has `$1` and so on for the arguments."""
        self._libpq: PGconn = connection.pgconn
        self._arguments = arguments
        self._schedstat = Path(f"/proc/{connection.info.backend_pid}/schedstat")
        result = self._libpq.prepare(b"measured", sql.encode())
        if result.status != ExecStatus.COMMAND_OK:
            raise RuntimeError(result.error_message.decode())

    def execute(self, times: int) -> None:
        """Execute the statement. It must return a row each time."""
        for _ in range(times):
            result = self._libpq.exec_prepared(
                b"measured",
                self._arguments(),  # type: ignore[arg-type] # None is a null
                result_format=Format.BINARY,
            )
            if result.status not in _ROWS or result.ntuples != 1:
                raise RuntimeError(result.error_message.decode() or "not one row")

    def spent(self) -> float:
        """Return the processor time of the server's process, in microseconds."""
        return int(self._schedstat.read_text().split()[0]) / 1e3


class Cost(NamedTuple):
    """Microseconds of a call: the server's processor time, and by the clock."""

    cpu: float
    wall: float


def costs(
    statements: Sequence[Prepared], blocks: int, block_seconds: float
) -> list[Cost]:
    """Measure the statements in turns. Each is the first one in its share of blocks."""
    calls = []
    for each in statements:
        each.execute(_WARM_UP)
        started = perf_counter()
        each.execute(_WARM_UP)
        trial = perf_counter() - started
        calls.append(max(1, round(block_seconds * _WARM_UP / trial)))
    measured: list[list[Cost]] = [[] for _ in statements]
    for block in range(blocks):
        for turn in range(len(statements)):
            index = (block + turn) % len(statements)
            each, times = statements[index], calls[index]
            spent, started = each.spent(), perf_counter()
            each.execute(times)
            wall = (perf_counter() - started) * 1e6 / times
            measured[index].append(Cost((each.spent() - spent) / times, wall))
    return [
        Cost(median(one.cpu for one in each), median(one.wall for one in each))
        for each in measured
    ]
