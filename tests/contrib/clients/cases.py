"""The cases of the table: a flow, a name, the expected result, and the steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.contrib.clients.drivers import DRIVERS, Driver
from tests.contrib.clients.stage import Stage

Play: TypeAlias = Callable[[Stage], str]


@dataclass(frozen=True)
class Case:
    """One row of the table. `drivers` are the libraries that can do it.

    `is_alone`: it has a tenant of its own, because it changes the tenant.
    """

    flow: str
    name: str
    expected: str
    play: Play
    drivers: Sequence[type[Driver]]
    is_alone: bool = False


CASES: list[Case] = []


def case(
    flow: str,
    name: str,
    expected: str,
    *,
    needs: frozenset[str] = frozenset(),
    is_alone: bool = False,
) -> Callable[[Play], Play]:
    """Add a row whose steps are the decorated function."""

    def add(play: Play) -> Play:
        able = [driver for driver in DRIVERS if not driver.lacks & needs]
        CASES.append(Case(flow, name, expected, play, able, is_alone))
        return play

    return add
