"""A plugin: prints the tests' figures at the end of the run, also of captured tests.

Each worker sends its lines to the main process when it ends.
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
    """Lines to print at the end of the run, under the name of the test's folder."""
    return lines_of(request.config, request.path.parent.name)


def lines_of(config: pytest.Config, title: str) -> list[str]:
    """Return the lines to print at the end of the run under this title."""
    return config.stash.setdefault(_FIGURES, {}).setdefault(title, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    hand_over(session.config, "figures", session.config.stash.get(_FIGURES, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: "WorkerController") -> None:
    for title, lines in handed_over(node, "figures", _NONE).items():
        found = lines_of(node.config, title)
        # Each worker reports the version of its server.
        found += (line for line in lines if line not in found)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for folder, lines in config.stash.get(_FIGURES, {}).items():
        terminalreporter.section(folder)
        for line in lines:
            terminalreporter.write_line(line)
