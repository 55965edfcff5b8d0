"""pyright accepts what applications import, and the example, in its strict mode."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PYRIGHT: Final = ROOT / "tests/node_modules/.bin/pyright"


def test_pyright_finds_no_error() -> None:
    if not PYRIGHT.exists():
        pytest.skip("not run: npm ci --prefix tests brings pyright")
    done = subprocess.run(
        [PYRIGHT, "--pythonpath", sys.executable, "--project", ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors" in done.stdout
