"""The hooks before a commit and the CI workflow call what `make test` calls."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
# It explains every query on a filled sample: too slow before each commit.
LEFT_TO_MAKE: Final = {"authority plans"}


def tools(commands: list[str]) -> set[str]:
    """Each command's program and, if it has one, its subcommand or script."""
    words = [command.split() for command in commands]
    return {
        " ".join(word for word in line[:2] if not word.startswith(("-", "$")))
        for line in words
    }


def test_the_hooks_call_the_tools_of_make_lint() -> None:
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.split(r"^lint:.*\n", makefile, flags=re.MULTILINE)[1].split("\n\n")[0]
    linted = re.findall(r"^\t\$\(BIN\)/(.*)$", recipe, re.MULTILINE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    hooked = re.findall(r"entry: \.venv/bin/(.*)$", hooks, re.MULTILINE)
    assert tools(hooked) == tools(linted) - LEFT_TO_MAKE


def test_the_workflow_calls_the_script_that_any_machine_calls() -> None:
    steps = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.findall(r"run: (\S+)$", steps, re.MULTILINE)[-1] == ".ci/run"
