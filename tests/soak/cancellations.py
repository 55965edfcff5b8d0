"""Tasks that are cancelled at random moments, as in a server whose clients hang up."""

import asyncio

from tests.soak.ledger import Ledger
from tests.soak.token_work import Desk
from tests.soak.work import draw

# From the start of a task to its cancellation, in seconds.
_WITHIN = 0.01


async def cancel_some(desk: Desk, ledger: Ledger) -> None:
    """Begin a piece of work, cancel it, and wait until it has ended."""
    task = asyncio.ensure_future(_piece(desk))
    await asyncio.sleep(desk.chance.random() * _WITHIN)
    was_cancelled = task.cancel()
    limit = ledger.weather.calm
    done, _ = await asyncio.wait([task], timeout=limit)
    ledger.expect(done, "a cancelled task does not end", f"after {limit:.1f} s")
    if done and not task.cancelled() and (error := task.exception()) is not None:
        raise error
    ledger.count("tasks cancelled", by=was_cancelled)


async def _piece(desk: Desk) -> None:
    await draw(desk.chance, {})(desk)
