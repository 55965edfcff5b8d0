"""Formatting of generated modules, the same on every machine."""

import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from authority_queries.errors import ConfigurationError


def formatted(modules: Mapping[Path, str]) -> dict[Path, str]:
    """Format modules as `ruff format` does by default. Raises ConfigurationError."""
    if find_spec("ruff") is None:
        message = "ruff is not installed; authority-queries[generate] brings it"
        raise ConfigurationError(message)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache"]
    command += ["--quiet", "--target-version", "py311"]
    with TemporaryDirectory(prefix="authority-") as folder:
        copies = {path: Path(folder, f"{i}.py") for i, path in enumerate(modules)}
        for path, copy in copies.items():
            copy.write_text(modules[path], encoding="utf-8")
        subprocess.run([*command, folder], check=True)  # noqa: S603 -- ruff itself
        return {path: copy.read_text(encoding="utf-8") for path, copy in copies.items()}
