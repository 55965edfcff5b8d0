"""The generated files: records.py, and a module for each SQL file."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from authority_queries.codegen.describing.type_mapping import PythonTypes
from authority_queries.codegen.describing.type_parts import Literals
from authority_queries.codegen.describing.typed_query import TypedQuery
from authority_queries.codegen.errors import Faults
from authority_queries.codegen.rendering.module_text import (
    Imports,
    Package,
    docstring,
    head,
)
from authority_queries.codegen.rendering.named_types import (
    Composites,
    composites_of,
    literals_in,
    name_literals,
    query_with_names,
    with_names,
)
from authority_queries.codegen.rendering.query_module import query_module
from authority_queries.codegen.rendering.records_module import records_module
from authority_queries.codegen.rendering.shapes import Records
from authority_queries.errors import ConfigurationError


def render(
    package: Package, queries: Sequence[TypedQuery], python_types: PythonTypes
) -> Mapping[PurePosixPath, str]:
    """Write the package: unformatted text by path below its folder.

    Raises GenerationError for a name with two meanings.
    """
    composites = composites_of(queries, python_types)
    names = name_literals(_literals(queries, composites))
    named = [query_with_names(typed, names) for typed in queries]
    tuples = {
        composite: [with_names(field, names) for field in fields]
        for composite, fields in composites.items()
    }
    records = Records(named)
    source = queries[0].query.path.parent.name
    return {
        PurePosixPath("records.py"): records_module(
            package, f"{source}/", named, records, tuples
        ),
        PurePosixPath("queries/__init__.py"): _queries_package(package, f"{source}/"),
        **_query_modules(package, named, records, tuples),
    }


def _literals(
    queries: Sequence[TypedQuery], composites: Composites
) -> Iterator[Literals]:
    for typed in queries:
        yield from literals_in((*typed.parameters, *typed.columns))
    for fields in composites.values():
        yield from literals_in(fields)


def _query_modules(
    package: Package,
    queries: Sequence[TypedQuery],
    records: Records,
    composites: Composites,
) -> Mapping[PurePosixPath, str]:
    by_path: dict[Path, list[TypedQuery]] = {}
    for typed in queries:
        by_path.setdefault(typed.query.path, []).append(typed)
    faults = Faults()
    modules = faults.each(
        lambda path: query_module(package, path, by_path[path], records, composites),
        by_path,
    )
    faults.refuse()
    paths = [PurePosixPath(f"queries/{path.stem}.py") for path in by_path]
    return dict(zip(paths, modules, strict=True))


def _queries_package(package: Package, source: str) -> str:
    """Write `queries/__init__.py`, which has the path of the SQL files."""
    imports = Imports(package.name, {"FOLDER"})
    module, is_named, name = package.folder.partition(":")
    if is_named:
        local = imports.local(module, name)
        folder = local
    else:
        imports.local("pathlib", "Path")
        up = package.folder.count("../")
        below = package.folder.replace("../", "")
        folder = f'Path(__file__).resolve().parents[{up}] / "{below}"'
    final = imports.local("typing", "Final")
    text = docstring(
        f"Typed functions, a module for each file of `{source}`.", indent=""
    )
    return f"{head(source)}{text}\n\n{imports.render()}\n\nFOLDER: {final} = {folder}\n"


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
