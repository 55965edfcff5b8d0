"""Waits until a standby has replayed a write."""

from datetime import timedelta
from time import monotonic
from typing import Final

from psycopg import AsyncConnection

from authority_queries.errors import ReplicaLagError
from authority_queries.queries import server
from authority_queries.records import Replay
from authority_queries.repositories.arguments import check_lsn, check_not_negative
from authority_queries.service.waiting import pause_async

_FIRST_DELAY: Final = 0.002  # seconds
_LONGEST_DELAY: Final = 0.05


async def await_replay(
    connection: AsyncConnection[object], *, lsn: str, within: timedelta
) -> Replay:
    """Wait until the connection's server has replayed its log up to `lsn`.

    Statements that begin later on this connection read every write that committed
    before `lsn` was read. Each look is a trip and a transaction of its own, so that the
    wait holds no snapshot that the replay could conflict with. Returns the last look.

    Raises ReplicaLagError after `within`, and at once on a primary whose log ends
    before `lsn`. Raises InvalidArgumentError.
    """
    check_lsn("lsn", lsn)
    seconds = check_not_negative("within", within).total_seconds()
    until, delay = monotonic() + seconds, _FIRST_DELAY
    while True:
        found = await server.get_replay_async(connection, lsn=lsn)
        if found.is_reached:
            return found
        left = until - monotonic()
        if left <= 0 or not found.is_standby:
            raise _lagging(found, lsn, seconds)
        await pause_async(min(delay, left))
        delay = min(2 * delay, _LONGEST_DELAY)


def _lagging(found: Replay, lsn: str, seconds: float) -> ReplicaLagError:
    if found.is_standby:
        return ReplicaLagError(
            f"the standby has replayed up to {found.lsn}, and not to {lsn} within "
            f"{seconds:g} s: ask the primary"
        )
    return ReplicaLagError(
        f"the primary's log ends at {found.lsn}, before {lsn}: the write was lost in a "
        "failover, or the LSN is of another server"
    )
