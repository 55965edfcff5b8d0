"""The pre-commit hooks and the CI workflow run the checks of `make test`."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
# `plans` fills a sample and explains every query: too slow before each commit.
LEFT_TO_MAKE: Final = {"authority plans"}


def tools(commands: list[str]) -> set[str]:
    """Return the program and the subcommand or script of each command."""
    words = [command.split() for command in commands]
    return {
        " ".join(word for word in line[:2] if not word.startswith(("-", "$")))
        for line in words
    }


def test_the_hooks_run_the_tools_of_make_lint() -> None:
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.split(r"^lint:.*\n", makefile, flags=re.MULTILINE)[1].split("\n\n")[0]
    linted = re.findall(r"^\t\$\(BIN\)/(.*)$", recipe, re.MULTILINE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    hooked = re.findall(r"entry: \.venv/bin/(.*)$", hooks, re.MULTILINE)
    assert tools(hooked) == tools(linted) - LEFT_TO_MAKE


def test_the_workflow_runs_the_ci_script() -> None:
    steps = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.findall(r"run: (\S+)$", steps, re.MULTILINE)[-1] == ".ci/run"
