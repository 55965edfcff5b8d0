"""The cases of the table: a flow, a name, the expected result, and the steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.contrib.clients.drivers import DRIVERS, Driver, Library
from tests.contrib.clients.stage import Stage

Play: TypeAlias = Callable[[Stage], str]


@dataclass(frozen=True)
class Case:
    """One row of the table. `libraries` are those that can do it.

    `is_alone`: it has a tenant of its own, because it changes the tenant. `on_cluster`:
    it has a server that it may kill.
    """

    flow: str
    name: str
    expected: str
    play: Play
    libraries: Sequence[type[Library]]
    is_alone: bool = False
    on_cluster: bool = False


CASES: list[Case] = []


def case(
    flow: str,
    name: str,
    expected: str,
    *,
    needs: frozenset[str] = frozenset(),
    by: type[Library] | None = None,
    is_alone: bool = False,
    on_cluster: bool = False,
) -> Callable[[Play], Play]:
    """Add a row whose steps are the decorated function.

    All drivers play it that do not lack what it needs, or the library `by`.
    """

    def add(play: Play) -> Play:
        able: Sequence[type[Driver]] = [d for d in DRIVERS if not d.lacks & needs]
        libraries = able if by is None else [by]
        CASES.append(Case(flow, name, expected, play, libraries, is_alone, on_cluster))
        return play

    return add
