"""`make matrix` says what did not run, and its page has each combination."""

from pathlib import Path

import pytest

from tools import cells
from tools.cells import PAGE
from tools.matrix import SERVERS, main, supported_pythons


def test_the_page_has_each_combination_or_the_reason() -> None:
    page = PAGE.read_text()
    for server in SERVERS:
        for python in supported_pythons():
            row = f"| {server}           | {python}     |"
            assert row in page or f"{server} with {python}" in page


def test_what_cannot_run_is_printed_with_the_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "RESULTS", tmp_path / "results.json")
    assert main(["--servers", "9", "--pythons", "3.11"]) == 1
    said = capsys.readouterr().out
    assert (
        "- Not run: 9 with 3.11: no /usr/lib/postgresql/9/bin, "
        "and no wheel with PostgreSQL 9 is known."
    ) in said
    assert main(["--servers", "18", "--pythons", "3.1"]) == 1
    assert "18 with 3.1: no python3.1 on this machine." in capsys.readouterr().out
