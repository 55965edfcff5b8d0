"""A folder of query files: read as at run time, and refused before it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiosql
from aiosql.types import QueryFn, SQLOperationType
from aiosql.utils import SQLLoadException, SQLParseException

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.python_names import (
    function_name_fault,
    name_fault,
    public_name_fault,
)
from authority_queries.codegen.query import Query
from authority_queries.codegen.reading.annotations import read_comment
from authority_queries.codegen.reading.guard import check
from authority_queries.codegen.reading.source import Block, Source, split
from authority_queries.engine._sync.query_file import QueryFile

# aiosql's functions take `self` and `conn`, the generated ones `connection`.
_TAKEN: Final = frozenset({"self", "conn", "connection"})
_GENERATED: Final = ("_stream_async", "_stream", "_async")
# ValueError comes of a parameter that no Python function can have.
_Refusal: Final = (SQLLoadException, SQLParseException, ValueError)
_ADVICE: Final = (
    ("invalid query name", "write `-- name: get_by_id(tenant_id, user_id)^`"),
    ("missing mandatory parameter list", "write `()` if it takes none"),
    (
        "unused declared parameter",
        "take it out; or it stands where aiosql sees a"
        " string: in quotes, or behind an apostrophe in a comment",
    ),
    (
        "undeclared parameter",
        "declare it; or write it otherwise: aiosql sees"
        " parameters in comments behind SQL, in $$…$$ and in slices `[a:b]`, too",
    ),
    ("empty", "write a statement below the comment"),
    (
        "existing attribute",
        "aiosql has that name itself (`x_cursor` for a query x): rename the query",
    ),
    ("not a valid parameter name", "it is a keyword of Python: rename it"),
    ("duplicate parameter name", "the name is taken by Python's side: rename it"),
    ("named parameters in SQL script", "write `()`, or a query for each statement"),
)


def read_folder(folder: Path) -> list[Query]:
    """Read every `*.sql` of a folder by name, with the queries in the file's order.

    Raises GenerationError, with file and line, for what aiosql refuses, for names that
    Python cannot have, for wrong tags, and for SQL that would not run as written.
    """
    paths = sorted(path for path in folder.resolve().glob("*.sql") if path.is_file())
    if not paths:
        raise GenerationError(f"{folder}: no query file is there, named *.sql")
    _check_modules(paths)
    return [query for path in paths for query in _read_file(path)]


def _check_modules(paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        unread = Source(path=path, text="")
        if fault := public_name_fault(path.stem):
            message = f"`{path.stem}` is to name a module, but {fault}: rename the file"
            raise unread.refuse_line(1, message)
        first = seen.setdefault(path.stem.lower(), path)
        if first is not path:
            message = f"its module is that of {first.name} where case does not count"
            raise unread.refuse_line(1, f"{message}: rename one of them")


def _read_file(path: Path) -> list[Query]:
    source = Source.read(path)
    blocks = split(source)
    _check_told_apart(blocks)
    file = _load(source, blocks)
    _check_names(blocks)
    return [_query(block, file) for block in blocks]


def _check_told_apart(blocks: Sequence[Block]) -> None:
    seen: dict[str, Block] = {}
    for block in blocks:
        if not block.name:
            raise block.refuse("no name: write `-- name: get_by_id(tenant_id, id)^`")
        first = seen.setdefault(block.name, block)
        if first is not block:
            message = f"line {first.line} has a query `{block.name}` already"
            raise block.refuse(f"{message}: rename one of them")


def _check_names(blocks: Sequence[Block]) -> None:
    names = {block.name for block in blocks}
    for block in blocks:
        if fault := function_name_fault(block.name):
            message = f"`{block.name}` is to name a function, but {fault}"
            raise block.refuse(f"{message}: rename the query")
        for suffix in _GENERATED:
            base = block.name.removesuffix(suffix)
            if base != block.name and base in names:
                message = f"`{block.name}` is generated for `{base}`"
                raise block.refuse(f"{message}: rename one of them")


def _query(block: Block, file: QueryFile) -> Query:
    function: QueryFn = getattr(file.queries, block.name)
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
        digest=file.digests[block.name],
    )
    check(query, block)
    return query


def _check_parameters(block: Block, parameters: Sequence[str]) -> None:
    for name in parameters:
        fault = "is taken by Python's side" if name in _TAKEN else name_fault(name)
        if fault:
            message = f"`{name}` is to name an argument, but {fault}"
            raise block.refuse(f"{message}: rename the parameter")


def _load(source: Source, blocks: Sequence[Block]) -> QueryFile:
    """Load the file as at run time. Raises GenerationError for what aiosql refuses.

    Also when aiosql does not find the queries that PostgreSQL's scanner does.
    """
    try:
        file = QueryFile(source.path)
    except _Refusal as refusal:
        raise _refused(source, blocks, refusal) from refusal
    names = {block.name for block in blocks}
    found = set(file.queries.available_queries)
    additional = found - names - {f"{name}_cursor" for name in names}
    for name in sorted(additional | names - found):
        block = next((block for block in blocks if block.name == name), blocks[0])
        message = f"aiosql and PostgreSQL see different queries, such as `{name}`"
        raise block.refuse(f"{message}: look for an apostrophe in a comment or $$…$$")
    return file


def _refused(
    source: Source, blocks: Sequence[Block], refusal: Exception
) -> GenerationError:
    """Find the query that was refused: aiosql counts lines without /* comments */."""
    for block in blocks:
        try:
            aiosql.from_str(source.text[: block.end], "psycopg")
        except _Refusal as again:
            message = re.sub(r" at <unknown>:\d+", "", str(again))
            return source.refuse(_offset(block, message), _explained(message))
    return blocks[0].refuse(_explained(str(refusal)))


def _offset(block: Block, message: str) -> int:
    """Find an undeclared parameter; else it is the line of the name."""
    if message.startswith("undeclared parameter"):
        name = message.rpartition(" ")[2]
        used = re.compile(rf"(?<!:):{re.escape(name)}\b")
        if found := used.search(block.source.text, block.start, block.end):
            return found.start()
    return block.start


def _explained(message: str) -> str:
    if message.startswith("unused declared parameter") and message.endswith("[]"):
        return "a parameter is declared twice: take one out"
    advice = next((text for part, text in _ADVICE if part in message), "")
    return f"aiosql refuses it: {message}; {advice}".removesuffix("; ")
