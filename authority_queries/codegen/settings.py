"""The generator's settings: `[tool.authority]` in a pyproject.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authority_queries.codegen.python_names import name_fault
from authority_queries.errors import ConfigurationError
from authority_queries.resources import MIGRATIONS

_KEYS: Final = (
    "queries",
    "migrations",
    "output",
    "folder",
    "package",
    "sample",
    "role",
    "tenant_column",
    "fixed_tables",
    "plans",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """The folders of the SQL and of the Python. Paths are absolute.

    - `queries`: the folder of the SQL files.
    - `migrations`: the folders of the schema; by default those of this package.
    - `output`: the package folder that gets records.py and queries/.
    - `package`: its dotted name; by default `output` from the topmost folder with an
      `__init__.py`.
    - `folder`: `module:NAME` of the path of the SQL files at run time; by default the
      path relative to the package, as it is now.

    The rest is for the check of plans: `sample` (a script with sample rows), `role`,
    `tenant_column`, `fixed_tables` (which do not grow), `plans` (its result).
    """

    queries: Path
    migrations: tuple[Path, ...]
    output: Path
    package: str
    folder: str | None = None
    sample: Path | None = None
    role: str | None = None
    tenant_column: str | None = None
    fixed_tables: frozenset[str] = frozenset()
    plans: Path | None = None


def read(path: Path) -> GenerationSettings:
    """Read the settings from a pyproject.toml. Paths are relative to its folder.

    Raises ConfigurationError with the key, the value and the allowed values.
    """
    table = _Table(path)
    queries, output = (_needed_folder(table, key) for key in ("queries", "output"))
    return GenerationSettings(
        queries=queries,
        migrations=_migrations(table),
        output=output,
        package=_package(table, output),
        folder=_folder(table),
        sample=_sample(table),
        role=table.text("role"),
        tenant_column=table.text("tenant_column"),
        fixed_tables=frozenset(table.texts("fixed_tables")),
        plans=table.path("plans"),
    )


class _Table:
    """The table `[tool.authority]`, read with the types that its keys have."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = _read_table(path)
        for key in self._values:
            if key not in _KEYS:
                allowed = f"one of {', '.join(_KEYS)}"
                raise self.wrong(key, "no setting", allowed)

    def wrong(self, key: str, value: str, allowed: str) -> ConfigurationError:
        """Make the error for a setting."""
        return ConfigurationError(
            f"{self._path}: tool.authority.{key} is {value}; allowed is {allowed}"
        )

    def text(self, key: str) -> str | None:
        """Return a text, or None if it is missing."""
        value = self._values.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        raise self.wrong(key, repr(value), "a text")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; a single text is a list of one."""
        value = self._values.get(key, [])
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list):
            found = tuple(text for text in texts if isinstance(text, str) and text)
            if len(found) == len(texts):
                return found
        raise self.wrong(key, repr(value), "a text or a list of texts")

    def path(self, key: str) -> Path | None:
        """Return a path, or None if it is missing."""
        value = self.text(key)
        return None if value is None else self._resolved(value)

    def paths(self, key: str) -> tuple[Path, ...]:
        """Return a list of paths; a single one is a list of one."""
        return tuple(self._resolved(text) for text in self.texts(key))

    def _resolved(self, text: str) -> Path:
        return (self._path.resolve().parent / text).resolve()


def _read_table(path: Path) -> Mapping[str, object]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise ConfigurationError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path}: is not TOML: {error}"
        raise ConfigurationError(message) from error
    tool = document.get("tool")
    table = tool.get("authority") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        message = (
            f"{path}: the table [tool.authority] is missing: write it with at least "
            "queries and output"
        )
        raise ConfigurationError(message)
    return table


def _needed_folder(table: _Table, key: str) -> Path:
    folder = table.path(key)
    if folder is None:
        raise table.wrong(key, "missing", 'a folder, such as "queries"')
    _check_folder(table, key, folder)
    return folder


def _check_folder(table: _Table, key: str, folder: Path) -> None:
    if not folder.is_dir():
        raise table.wrong(key, str(folder), "an existing folder")


def _migrations(table: _Table) -> tuple[Path, ...]:
    folders = table.paths("migrations") or (MIGRATIONS,)
    for folder in folders:
        _check_folder(table, "migrations", folder)
    return folders


def _sample(table: _Table) -> Path | None:
    sample = table.path("sample")
    if sample is not None and not sample.exists():
        raise table.wrong("sample", str(sample), "an existing file")
    return sample


def _package(table: _Table, output: Path) -> str:
    said = table.text("package")
    if said is None:
        names = [output.name]
        for parent in output.parents:
            if not (parent / "__init__.py").exists():
                break
            names.insert(0, parent.name)
        said = ".".join(names)
    if any(name_fault(name) for name in said.split(".")):
        raise table.wrong("package", repr(said), "a package's dotted name")
    return said


def _folder(table: _Table) -> str | None:
    said = table.text("folder")
    if said is None:
        return None
    module, _, name = said.partition(":")
    if any(name_fault(part) for part in [*module.split("."), name]):
        raise table.wrong("folder", repr(said), '"module:NAME"')
    return said
