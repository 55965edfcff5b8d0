"""The generated files: records.py, and a module for each SQL file."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from authority_queries.codegen.describing.python_types import PythonTypes
from authority_queries.codegen.describing.typed import TypedQuery
from authority_queries.codegen.rendering.aliases import (
    literals_in,
    name_literals,
    query_with_names,
    with_names,
)
from authority_queries.codegen.rendering.composites import composites_of
from authority_queries.codegen.rendering.package import Package, queries_package
from authority_queries.codegen.rendering.query_module import query_module
from authority_queries.codegen.rendering.records_module import records_module
from authority_queries.codegen.rendering.shapes import Records


def render(
    package: Package, queries: Sequence[TypedQuery], python_types: PythonTypes
) -> Mapping[PurePosixPath, str]:
    """Write the package: text by path below its folder, not formatted yet.

    Raises GenerationError for names that mean two things.
    """
    composites = composites_of(queries, python_types)
    found = [
        literals
        for values in (
            *(typed.parameters for typed in queries),
            *(typed.columns for typed in queries),
            *composites.values(),
        )
        for literals in literals_in(values)
    ]
    names = name_literals(found)
    named = [query_with_names(typed, names) for typed in queries]
    tuples = {
        composite: [with_names(field, names) for field in fields]
        for composite, fields in composites.items()
    }
    records = Records(named)
    by_path: dict[Path, list[TypedQuery]] = {}
    for typed in named:
        by_path.setdefault(typed.query.path, []).append(typed)
    source = queries[0].query.path.parent.name
    return {
        PurePosixPath("records.py"): records_module(
            package, f"{source}/", named, records, tuples
        ),
        PurePosixPath("queries/__init__.py"): queries_package(package, f"{source}/"),
        **{
            PurePosixPath(f"queries/{path.stem}.py"): query_module(
                package, path, same, records
            )
            for path, same in by_path.items()
        },
    }
