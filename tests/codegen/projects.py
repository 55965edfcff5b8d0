"""A small project: schema, queries, settings, and the generated modules."""

import importlib
import itertools
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from authority_queries.codegen.generate import generate
from authority_queries.codegen.output import write
from authority_queries.codegen.settings import read
from authority_queries.service.migrations import migrate_plainly

ROOT: Final = Path(__file__).resolve().parents[2]
_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a pyproject.toml, and the server that it is generated with."""

    folder: Path
    package: str
    server: str

    @classmethod
    def make(
        cls, folder: Path, server: str, schema: str, queries: Mapping[str, str]
    ) -> "Project":
        """Write the project; its package has a name that no other test's has."""
        package = f"generated_{next(_numbers)}"
        for name in ("queries", "migrations", package):
            (folder / name).mkdir()
        (folder / package / "__init__.py").write_text('"""A package."""\n')
        (folder / "migrations" / "0001_begin.sql").write_text(schema)
        for name, text in queries.items():
            (folder / "queries" / f"{name}.sql").write_text(text)
        (folder / "pyproject.toml").write_text(
            f'[tool.authority]\nqueries = "queries"\nmigrations = "migrations"\n'
            f'output = "{package}"\n'
        )
        return cls(folder=folder, package=package, server=server)

    def render(self) -> dict[Path, str]:
        """Return what is to be generated."""
        return generate(read(self.folder / "pyproject.toml"), self.server)

    def generate(self) -> "Project":
        """Write what is to be generated, and the schema into the server's database."""
        write(self.render())
        migrate_plainly(self.server, [self.folder / "migrations"])
        sys.path.insert(0, str(self.folder))
        return self

    def module(self, name: str) -> ModuleType:
        """Import a generated module."""
        importlib.invalidate_caches()
        return importlib.import_module(f"{self.package}.{name}")

    def mypy(self, *files: str) -> str:
        """Check the package, and files beside it, strictly."""
        command = [sys.executable, "-m", "mypy", "--strict", "--warn-unreachable"]
        cache = f"--cache-dir={self.folder.parents[1] / 'mypy'}"
        checked = subprocess.run(
            [*command, "--config-file=", cache, self.package, *files],
            cwd=self.folder,
            env={"MYPYPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        return checked.stdout + checked.stderr

    def ruff(self, *arguments: str) -> str:
        """Run ruff on the package with its own defaults."""
        command = [sys.executable, "-m", "ruff", *arguments]
        checked = subprocess.run(
            [*command, "--isolated", "--no-cache", self.package],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return checked.stdout + checked.stderr
