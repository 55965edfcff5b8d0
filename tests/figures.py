"""A plugin: what a test has counted stands at the end of the run, captured or not."""

import pytest

_FIGURES = pytest.StashKey[dict[str, list[str]]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run, under the name of the test's folder."""
    return lines_of(request.config, request.path.parent.name)


def lines_of(config: pytest.Config, title: str) -> list[str]:
    """Give the lines that the end of the run shows under this title."""
    return config.stash.setdefault(_FIGURES, {}).setdefault(title, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for folder, lines in config.stash.get(_FIGURES, {}).items():
        terminalreporter.section(folder)
        for line in lines:
            terminalreporter.write_line(line)
