"""Measures peers in turns, in blocks so small that a drift affects all peers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Final, TypeAlias

from benchmarks.cases import Arguments
from benchmarks.peers import AsyncPeer, Peer

# Returns the seconds that a peer takes for calls with these arguments.
Timer: TypeAlias = Callable[[Sequence[Arguments]], Awaitable[float]]

# psycopg prepares a statement at its sixth execution. The server chooses a generic plan
# after five more at the earliest.
_WARM_UP: Final = 50
_BLOCK_SECONDS: Final = 0.008


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds per call of each peer in each block: `blocks[i][peer]`."""

    blocks: Sequence[Sequence[float]]

    def microseconds(self, peer: int) -> float:
        """Return the median time of a call."""
        return median(block[peer] for block in self.blocks) * 1e6

    def ratios(self, peer: int) -> list[float]:
        """Return for each block the ratio of the first peer's time to another's."""
        return [block[0] / block[peer] for block in self.blocks]

    def ratio(self, *peers: int) -> float:
        """Return the median ratio of the first peer's time to the fastest of these."""
        return max(median(self.ratios(peer)) for peer in peers)


def timer(peer: Peer) -> Timer:
    """Return a timer of a blocking peer."""

    async def run(batch: Sequence[Arguments]) -> float:
        started = perf_counter()
        for arguments in batch:
            peer(arguments)
        return perf_counter() - started

    return run


def cpu_timer(peer: Peer, backend_pid: int) -> Timer:
    """Return a timer of processor time of a blocking peer and its server process.

    Other work on the machine hardly changes it. The server must run on this Linux
    machine.
    """
    schedstat = Path(f"/proc/{backend_pid}/schedstat")

    def spent() -> float:
        return process_time() + int(schedstat.read_text().split()[0]) / 1e9

    async def run(batch: Sequence[Arguments]) -> float:
        started = spent()
        for arguments in batch:
            peer(arguments)
        return spent() - started

    return run


def client_timer(peer: Peer) -> Timer:
    """Return a timer of this process's processor time for a blocking peer."""

    async def run(batch: Sequence[Arguments]) -> float:
        started = process_time()
        for arguments in batch:
            peer(arguments)
        return process_time() - started

    return run


def async_client_timer(peer: AsyncPeer) -> Timer:
    """Return a timer of this process's processor time for an asynchronous peer."""

    async def run(batch: Sequence[Arguments]) -> float:
        started = process_time()
        for arguments in batch:
            await peer(arguments)
        return process_time() - started

    return run


def async_timer(peer: AsyncPeer) -> Timer:
    """Return a timer of an asynchronous peer, which is awaited call by call."""

    async def run(batch: Sequence[Arguments]) -> float:
        started = perf_counter()
        for arguments in batch:
            await peer(arguments)
        return perf_counter() - started

    return run


async def measure(
    timers: Sequence[Timer],
    arguments: Callable[[], Arguments],
    blocks: int,
    block_seconds: float = _BLOCK_SECONDS,
) -> Measured:
    """Measure the timers in turns. Each is the first one in its share of the blocks.

    A block has as many calls as the first timer makes in `block_seconds`.
    """
    for each in timers:
        await each([arguments() for _ in range(_WARM_UP)])
    trial = await timers[0]([arguments() for _ in range(_WARM_UP)])
    calls = max(1, round(block_seconds * _WARM_UP / trial))
    measured = []
    for number in range(blocks):
        seconds = [0.0] * len(timers)
        for turn in range(len(timers)):
            index = (number + turn) % len(timers)
            batch = [arguments() for _ in range(calls)]
            seconds[index] = await timers[index](batch) / calls
        measured.append(seconds)
    return Measured(measured)
