"""Waits until a standby has replayed a write."""

from time import monotonic
from typing import Final

from psycopg import AsyncConnection

from authority_queries.errors import ReplicaLagError
from authority_queries.queries import server
from authority_queries.service.waiting import pause_async

_FIRST_DELAY: Final = 0.002  # seconds
_LONGEST_DELAY: Final = 0.05


async def await_replay(
    connection: AsyncConnection[object], *, lsn: str, seconds: float
) -> None:
    """Wait at most `seconds` until the connection's server has replayed up to `lsn`.

    Statements that begin later on this connection read every write that committed
    before `lsn` was read. Each look is one trip, in a transaction of its own, so that
    the wait holds no snapshot that the replay could conflict with.

    Raises ReplicaLagError when the time is up, and at once on a primary whose log ends
    before `lsn`.
    """
    until, delay = monotonic() + seconds, _FIRST_DELAY
    while True:
        found = await server.get_replay_async(connection, lsn=lsn)
        if found.is_reached:
            return
        if not found.is_standby:
            message = (
                f"the primary's log ends at {found.lsn}, before {lsn}: the write was "
                "lost in a failover, or the LSN is of another server"
            )
            raise ReplicaLagError(message)
        left = until - monotonic()
        if left <= 0:
            message = (
                f"the standby has replayed up to {found.lsn}, and not to {lsn} within "
                f"{seconds:g} s: ask the primary"
            )
            raise ReplicaLagError(message)
        await pause_async(min(delay, left))
        delay = min(2 * delay, _LONGEST_DELAY)
