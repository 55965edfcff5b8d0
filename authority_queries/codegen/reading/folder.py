"""A folder of query files, read as at run time."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final

import aiosql
from aiosql.types import QueryFn, SQLOperationType
from aiosql.utils import SQLLoadException, SQLParseException

from authority_queries.codegen.errors import Faults, GenerationError
from authority_queries.codegen.python_names import (
    function_name_fault,
    name_fault,
    public_name_fault,
)
from authority_queries.codegen.query import Query
from authority_queries.codegen.reading.annotations import read_comment
from authority_queries.codegen.reading.guard import checked
from authority_queries.codegen.reading.source import Block, Source, split
from authority_queries.engine._sync.query_file import QueryFile

# aiosql's functions take `self` and `conn`, the generated ones `connection`.
_TAKEN: Final = frozenset({"self", "conn", "connection"})
_OF_FUNCTIONS: Final = "is used by the generated function"
_GENERATED: Final = ("_stream_async", "_stream", "_async")
# aiosql raises ValueError for a parameter that no Python function can have.
_Refusal: Final = (SQLLoadException, SQLParseException, ValueError)
_ADVICE: Final = (
    ("invalid query name", "write `-- name: get_by_id(tenant_id, user_id)^`"),
    ("missing mandatory parameter list", "write `()` if it takes none"),
    (
        "unused declared parameter",
        "remove it; or it is where aiosql sees a"
        " string: in quotes, or after an apostrophe in a comment",
    ),
    (
        "undeclared parameter",
        "declare it; or write it otherwise: aiosql sees"
        " parameters in comments after SQL, in $$…$$ and in slices `[a:b]`, too",
    ),
    ("empty", "write a statement below the comment"),
    (
        "existing attribute",
        "aiosql has that name itself (`x_cursor` for a query x): rename the query",
    ),
    ("not a valid parameter name", "it is a keyword of Python: rename it"),
    ("duplicate parameter name", "the name is used by aiosql's function: rename it"),
    ("named parameters in SQL script", "write `()`, or a query for each statement"),
)


def read_folder(folder: Path, faults: Faults | None = None) -> list[Query]:
    """Read every `*.sql` of a folder by name, with the queries in the file's order.

    Raises GenerationError with all errors: queries that aiosql refuses, names that are
    invalid in Python, wrong tags, and SQL that would not run as written. With `faults`
    it adds these errors there, and returns the other queries.
    """
    paths = sorted(path for path in folder.resolve().glob("*.sql") if path.is_file())
    if not paths:
        raise GenerationError(f"{folder}: there is no query file (*.sql)")
    found = Faults() if faults is None else faults
    queries: list[Query] = []
    for path, fault in _modules(paths):
        own = Faults()
        if fault:
            own.add(Source(path=path, text="").refuse_line(1, fault))
        with own.collected():
            queries += _read_file(path, own)
        with found.collected():
            own.refuse()
    if faults is None:
        found.refuse()
    return queries


def _modules(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Return each file, with the fault of its module's name."""
    seen: dict[str, Path] = {}
    for path in paths:
        first = seen.setdefault(path.stem.lower(), path)
        if fault := public_name_fault(path.stem):
            fault = f"`{path.stem}` cannot name a module: it {fault}; rename the file"
        elif first is not path:
            fault = f"its module is that of {first.name} if case does not matter"
            fault += ": rename one of them"
        yield path, fault or ""


def _read_file(path: Path, faults: Faults) -> list[Query]:
    source = Source.read(path)
    blocks = _told_apart(split(source), faults)
    loaded = _load(source, blocks, faults)
    _check_names(blocks, faults)
    queries = []
    for block in blocks:
        if block.name in loaded:
            with faults.collected():
                queries.append(_query(block, *loaded[block.name]))
    return queries


def _told_apart(blocks: Sequence[Block], faults: Faults) -> list[Block]:
    """Return the blocks with a name of their own."""
    seen: dict[str, Block] = {}
    for block in blocks:
        if not block.name:
            message = "no name: write `-- name: get_by_id(tenant_id, id)^`"
            faults.add(block.refuse(message))
        elif block.name in seen:
            first = seen[block.name]
            message = f"line {first.line} has a query `{block.name}` already"
            faults.add(block.refuse(f"{message}: rename one of them"))
        else:
            seen[block.name] = block
    return [*seen.values()]


def _check_names(blocks: Sequence[Block], faults: Faults) -> None:
    names = {block.name for block in blocks}
    for block in blocks:
        if fault := function_name_fault(block.name):
            message = f"`{block.name}` cannot name a function: it {fault}"
            faults.add(block.refuse(f"{message}; rename the query"))
        for suffix in _GENERATED:
            base = block.name.removesuffix(suffix)
            if base != block.name and base in names:
                message = f"`{block.name}` is generated for `{base}`"
                faults.add(block.refuse(f"{message}: rename one of them"))


def _query(block: Block, function: QueryFn, digest: str) -> Query:
    operation = function.operation
    if function.parameters is None and operation is not SQLOperationType.SCRIPT:
        raise block.refuse("no list of parameters: write `()` if it takes none")
    parameters = tuple(function.parameters or ())
    _check_parameters(block, parameters)
    doc, tags = read_comment(block, operation, parameters)
    query = Query(
        path=block.source.path,
        line=block.line,
        name=block.name,
        operation=operation,
        parameters=parameters,
        doc=doc,
        tags=tags,
        sql=function.sql,
        digest=digest,
    )
    return checked(query, block)


def _check_parameters(block: Block, parameters: Sequence[str]) -> None:
    for name in parameters:
        fault = _OF_FUNCTIONS if name in _TAKEN else name_fault(name)
        if fault:
            message = f"`{name}` cannot name an argument: it {fault}"
            raise block.refuse(f"{message}; rename the parameter")


def _load(
    source: Source, blocks: Sequence[Block], faults: Faults
) -> Mapping[str, tuple[QueryFn, str]]:
    """Load the file as at run time; if aiosql refuses it, load each query alone.

    Returns each query's function and the digest of its text. aiosql must find the same
    queries as PostgreSQL's scanner.
    """
    try:
        file = QueryFile(source.path)
    except _Refusal as refusal:
        functions = dict(_load_singly(blocks, faults))
        if not faults:
            faults.add(_refused_together(source, blocks, refusal))
        # A file with a fault gets no module, so no digest is needed.
        return {name: (function, "") for name, function in functions.items()}
    found = set(file.queries.available_queries)
    if not faults:
        _check_equal(blocks, found, faults)
    return {
        block.name: (getattr(file.queries, block.name), file.digests[block.name])
        for block in blocks
        if block.name in found
    }


def _check_equal(blocks: Sequence[Block], found: Set[str], faults: Faults) -> None:
    names = {block.name for block in blocks}
    additional = found - names - {f"{name}_cursor" for name in names}
    for name in sorted(additional | names - found)[:1]:
        block = next((block for block in blocks if block.name == name), blocks[0])
        message = f"aiosql and PostgreSQL see different queries, such as `{name}`"
        advice = "look for an apostrophe in a comment or $$…$$"
        faults.add(block.refuse(f"{message}: {advice}"))


def _load_singly(
    blocks: Sequence[Block], faults: Faults
) -> Iterator[tuple[str, QueryFn]]:
    for block in blocks:
        text = block.source.text[block.start : block.end]
        try:
            yield block.name, getattr(aiosql.from_str(text, "psycopg"), block.name)
        except _Refusal as refusal:
            faults.add(_refused(block, refusal))
        except AttributeError:
            faults.add(block.refuse("aiosql does not see this query"))


def _refused_together(
    source: Source, blocks: Sequence[Block], refusal: Exception
) -> GenerationError:
    """Return the error of the query that aiosql refuses only after the others."""
    for block in blocks:
        try:
            aiosql.from_str(source.text[: block.end], "psycopg")
        except _Refusal as again:
            return _refused(block, again)
    return blocks[0].refuse(_explained(str(refusal)))


def _refused(block: Block, refusal: Exception) -> GenerationError:
    """Make the error; aiosql counts lines without /* comments */."""
    message = re.sub(r" at <unknown>:\d+", "", str(refusal))
    return block.source.refuse(_offset(block, message), _explained(message))


def _offset(block: Block, message: str) -> int:
    """Return the offset of an undeclared parameter, or else of the query's name."""
    if message.startswith("undeclared parameter"):
        name = message.rpartition(" ")[2]
        used = re.compile(rf"(?<!:):{re.escape(name)}\b")
        if found := used.search(block.source.text, block.start, block.end):
            return found.start()
    return block.start


def _explained(message: str) -> str:
    if message.startswith("unused declared parameter") and message.endswith("[]"):
        return "a parameter is declared twice: remove one"
    advice = next((text for part, text in _ADVICE if part in message), "")
    return f"aiosql refuses it: {message}; {advice}".removesuffix("; ")
