"""A plugin: what a test has counted stands at the end of the run, captured or not.

Where workers execute the tests, each hands its lines over when it ends.
"""

from typing import TYPE_CHECKING

import pytest

from tests.workers import hand_over, handed_over

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_NONE: dict[str, list[str]] = {}
_FIGURES = pytest.StashKey[dict[str, list[str]]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run, under the name of the test's folder."""
    return lines_of(request.config, request.path.parent.name)


def lines_of(config: pytest.Config, title: str) -> list[str]:
    """Give the lines that the end of the run shows under this title."""
    return config.stash.setdefault(_FIGURES, {}).setdefault(title, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    hand_over(session.config, "figures", session.config.stash.get(_FIGURES, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: "WorkerController") -> None:
    for title, lines in handed_over(node, "figures", _NONE).items():
        found = lines_of(node.config, title)
        # Each worker has a server, and names its version.
        found += (line for line in lines if line not in found)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for folder, lines in config.stash.get(_FIGURES, {}).items():
        terminalreporter.section(folder)
        for line in lines:
            terminalreporter.write_line(line)
