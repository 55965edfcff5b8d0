"""Generation as a whole: from the settings to the text of each file."""

import os
import time
from pathlib import Path

import psycopg

from authority_queries.codegen.analysis.analyst import Analyst
from authority_queries.codegen.describing.declared import look_up
from authority_queries.codegen.describing.describer import Describer
from authority_queries.codegen.describing.tags import with_promised_rows
from authority_queries.codegen.errors import Outcome
from authority_queries.codegen.output import concerned_queries, stale, write
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.codegen.rendering.module_text import Package
from authority_queries.codegen.rendering.modules import formatted, render
from authority_queries.codegen.settings import GenerationSettings, read
from authority_queries.codegen.throwaway import throwaway_database


def run(config: Path, server: str | None, *, check: bool) -> Outcome:
    """Write what is stale; with `check` say it instead. Raises what `generate` does."""
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
    """Give the content of every generated file, by its path. Writes nothing.

    The queries are described in a throwaway database on the server with this
    connection string, or else on an embedded one. Raises GenerationError,
    ConfigurationError, UnavailableError, MigrationError.
    """
    queries = read_folder(settings.queries)
    names = [name for query in queries for name in query.tags.types.values()]
    declared = look_up(names, _above(settings))
    with (
        throwaway_database(settings.migrations, server) as database,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        describer = Describer(connection, Analyst(connection), declared)
        typed = with_promised_rows([describer.describe(query) for query in queries])
        modules = render(_package(settings), typed, describer.python_types)
    return formatted({settings.output / path: text for path, text in modules.items()})


def _above(settings: GenerationSettings) -> Path:
    """Return the folder that has the package's topmost folder."""
    return settings.output.parents[settings.package.count(".")]


def _package(settings: GenerationSettings) -> Package:
    folder = settings.folder
    if folder is None:
        relative = os.path.relpath(settings.queries, settings.output / "queries")
        folder = Path(relative).as_posix()
    return Package(name=settings.package, folder=folder)
