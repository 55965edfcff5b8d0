"""`authority generate`: from the settings to the text of each file."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import psycopg

from authority_queries.codegen.analysis.analyst import Analyst
from authority_queries.codegen.describing.declared import look_up
from authority_queries.codegen.describing.describer import Describer
from authority_queries.codegen.describing.tags import with_promised_rows
from authority_queries.codegen.errors import Faults, GenerationError, Outcome
from authority_queries.codegen.output import concerned_queries, stale, write
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.codegen.rendering.module_text import Package
from authority_queries.codegen.rendering.modules import formatted, render
from authority_queries.codegen.settings import GenerationSettings, read
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import MigrationError


def run(config: Path, server: str | None, *, check: bool) -> Outcome:
    """Write stale files; with `check` return the difference."""
    started = time.monotonic()
    files = generate(read(config), server)
    difference = stale(files)
    if difference and check:
        names = ", ".join(concerned_queries(files)) or "none"
        fault = f"stale (queries concerned: {names}): `authority generate`"
        return Outcome(text=difference, fault=fault)
    if difference:
        write(files)
    state = "written" if difference else "up to date"
    seconds = time.monotonic() - started
    return Outcome(text=f"{len(files)} modules {state} in {seconds:.1f} s\n")


def generate(
    settings: GenerationSettings, server: str | None = None
) -> dict[Path, str]:
    """Return the content of every generated file by its path, and write nothing.

    The queries are described in a throwaway database on the server with this
    connection string, or else on an embedded one. Raises GenerationError,
    ConfigurationError, UnavailableError, MigrationError.
    """
    faults = Faults()
    queries = read_folder(settings.queries, faults)
    names = [name for query in queries for name in query.tags.types.values()]
    declared = look_up(names, _above(settings))
    with _with_faults(faults), _database(settings, server) as connection:
        describer = Describer(connection, Analyst(connection), declared)
        described = faults.each(describer.describe, queries)
        typed = with_promised_rows(described, faults)
        modules: Mapping[PurePosixPath, str] = {}
        if typed:
            with faults.collected():
                modules = render(_package(settings), typed, describer.python_types)
    faults.refuse()
    return formatted({settings.output / path: text for path, text in modules.items()})


@contextmanager
def _database(
    settings: GenerationSettings, server: str | None
) -> Iterator[psycopg.Connection[object]]:
    with (
        throwaway_database(settings.migrations, server) as database,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        yield connection


@contextmanager
def _with_faults(faults: Faults) -> Iterator[None]:
    """Report a failed migration together with the errors found before."""
    try:
        yield
    except MigrationError as error:
        if not faults:
            raise
        faults.add(GenerationError(str(error)))


def _above(settings: GenerationSettings) -> Path:
    """Return the folder that has the package's topmost folder."""
    return settings.output.parents[settings.package.count(".")]


def _package(settings: GenerationSettings) -> Package:
    folder = settings.folder
    if folder is None:
        relative = os.path.relpath(settings.queries, settings.output / "queries")
        folder = Path(relative).as_posix()
    return Package(name=settings.package, folder=folder)
