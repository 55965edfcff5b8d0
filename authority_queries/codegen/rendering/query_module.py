"""The module of an SQL file."""

from collections.abc import Sequence
from pathlib import Path

from authority_queries.codegen.describing.pg_types import identifier
from authority_queries.codegen.describing.type_parts import RUNTIME, Registered
from authority_queries.codegen.describing.typed_query import TypedQuery
from authority_queries.codegen.errors import Faults
from authority_queries.codegen.rendering.calls import Calls
from authority_queries.codegen.rendering.functions import Functions
from authority_queries.codegen.rendering.module_text import (
    TEXTS,
    Imports,
    Package,
    docstring,
    head,
)
from authority_queries.codegen.rendering.named_types import (
    Composites,
    checked_composites,
)
from authority_queries.codegen.rendering.shapes import Records
from authority_queries.codegen.rendering.spelling import Spelling


def query_module(
    package: Package,
    path: Path,
    queries: Sequence[TypedQuery],
    records: Records,
    composites: Composites,
) -> str:
    """Write the module of an SQL file."""
    imports = Imports(package.name, _taken(queries))
    spelling = Spelling(imports, package.records)
    calls, definitions = _code(queries, records, composites, spelling)
    source = f"{path.parent.name}/{path.name}"
    files = _query_files(package, path, queries, spelling)
    return "\n\n".join(
        [
            head(source) + docstring(f"Queries of `{source}`.", indent=""),
            imports.render(),
            files,
            "\n".join(calls),
            "\n\n\n".join(definitions) + "\n",
        ]
    )


def _code(
    queries: Sequence[TypedQuery],
    records: Records,
    composites: Composites,
    spelling: Spelling,
) -> tuple[Sequence[str], Sequence[str]]:
    """Write the lines that load the queries, and the functions."""
    calls = [
        line
        for found in checked_composites(queries, composites).items()
        for line in spelling.composite(*found)
    ]
    definitions: list[str] = []
    for typed in queries:
        record = records.of(typed) if typed.fields else None
        calls += Calls(spelling, typed, record).lines()
        definitions += Functions(spelling, typed, record).definitions()
    return calls, definitions


def _taken(queries: Sequence[TypedQuery]) -> set[str]:
    """Return the names of the module's functions and of their parameters."""
    taken = {"connection", "rows", "row", "size"}
    faults = Faults()
    for typed in queries:
        if typed.can_stream and "size" in typed.query.parameters:
            message = (
                "size is the streaming function's own parameter; rename the query's"
            )
            faults.add(typed.query.refuse_word(":size", message))
        name = typed.query.name
        taken |= {name + end for end in ("", "_async", "_stream", "_stream_async")}
        taken |= {value.name for value in typed.parameters}
        taken.add(f"_{name}_takes")
    faults.refuse()
    return taken


def _query_files(
    package: Package,
    path: Path,
    queries: Sequence[TypedQuery],
    spelling: Spelling,
) -> str:
    folder = spelling.name(package.queries, "FOLDER")
    types = _types(queries, spelling)
    argument = f", types={types}" if types else ""
    made_of = f'({folder} / "{path.name}", texts={TEXTS}{argument})'
    files = [
        f"{variable} = {spelling.name(RUNTIME, file)}{made_of}"
        for variable, file in (
            ("_QUERIES", "QueryFile"),
            ("_ASYNC_QUERIES", "AsyncQueryFile"),
        )
    ]
    return "\n".join([_texts(queries), *files])


def _texts(queries: Sequence[TypedQuery]) -> str:
    """Write the digest of each query's text, on a line of its own."""
    digests = (
        f'    "{typed.query.name}": "{typed.query.digest}",' for typed in queries
    )
    return "\n".join([f"{TEXTS} = {{", *digests, "}"])


def _types(queries: Sequence[TypedQuery], spelling: Spelling) -> str:
    """Write the types that psycopg must register, or nothing."""
    found = {
        registered
        for typed in queries
        for value in (*typed.parameters, *typed.columns)
        for registered in value.type.registered
    }
    items = sorted(_told(registered, spelling) for registered in found)
    return f"{{{', '.join(items)}}}" if items else ""


def _told(registered: Registered, spelling: Spelling) -> str:
    name = f"{identifier(registered.schema)}.{identifier(registered.type_name)}"
    if registered.composite:
        return f"{name!r}: {spelling.record(registered.composite.name)}"
    return f"{name!r}: {registered.base!r}"
