"""A plugin: what a test has counted stands at the end of the run, captured or not."""

import pytest

_FIGURES = pytest.StashKey[dict[str, list[str]]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run, under the name of the test's folder."""
    by_folder = request.config.stash.setdefault(_FIGURES, {})
    return by_folder.setdefault(request.path.parent.name, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for folder, lines in config.stash.get(_FIGURES, {}).items():
        terminalreporter.section(folder)
        for line in lines:
            terminalreporter.write_line(line)
