"""The tables of benchmarks.endpoints."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from tabulate import tabulate

_HEADERS: Final = (
    "application",
    "requests/s",
    "to the first",
    "CPU µs",
    "to the first",
    "server",
    "PostgreSQL",
    "p99 ms",
)


class Block(NamedTuple):
    """Requests in a second, and seconds of a request.

    `server` and `backends` are processor time of the application's server and of
    PostgreSQL's server processes. `slow` is the 99th percentile by the clock.
    """

    rate: float
    server: float
    backends: float
    slow: float

    @property
    def cpu(self) -> float:
        """The processor time of the server and of PostgreSQL."""
        return self.server + self.backends


def report(
    title: str, found: Mapping[str, Sequence[Block]], names: Mapping[str, str]
) -> str:
    """Return the table of an endpoint."""
    first = next(iter(found.values()), ())
    lines = [
        [
            names[way],
            median(block.rate for block in blocks),
            _ratio(blocks, first, lambda block: block.rate),
            median(block.cpu for block in blocks) * 1e6,
            _ratio(blocks, first, lambda block: block.cpu),
            median(block.server for block in blocks) * 1e6,
            median(block.backends for block in blocks) * 1e6,
            median(block.slow for block in blocks) * 1e3,
        ]
        for way, blocks in found.items()
    ]
    formats = ("", ".1f", ".2f", ".0f", ".2f", ".0f", ".0f", ".0f")
    return f"{title}\n{tabulate(lines, headers=_HEADERS, floatfmt=formats)}"


def _ratio(
    blocks: Sequence[Block], first: Sequence[Block], figure: Callable[[Block], float]
) -> float:
    """Return the median of the ratios within the blocks."""
    return median(figure(a) / figure(b) for a, b in zip(blocks, first, strict=True))
