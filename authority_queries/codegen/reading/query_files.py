"""A folder of query files: read as at run time, and refused before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aiosql.types import QueryFn, SQLOperationType

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.model import Query
from authority_queries.codegen.reading.annotations import read_comment
from authority_queries.codegen.reading.guard import check
from authority_queries.codegen.reading.loading import load
from authority_queries.codegen.reading.python_names import (
    function_name_fault,
    name_fault,
    public_name_fault,
)
from authority_queries.codegen.reading.source import Block, Source, split

# aiosql's functions take `self` and `conn`, the generated ones `connection`.
_TAKEN: Final = frozenset({"self", "conn", "connection"})
_GENERATED: Final = ("_stream_async", "_stream", "_async")


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
    queries = load(source, blocks)
    _check_names(blocks)
    return [_query(block, getattr(queries, block.name)) for block in blocks]


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


def _query(block: Block, function: QueryFn) -> Query:
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
    )
    check(query, block)
    return query


def _check_parameters(block: Block, parameters: Sequence[str]) -> None:
    for name in parameters:
        fault = "is taken by Python's side" if name in _TAKEN else name_fault(name)
        if fault:
            message = f"`{name}` is to name an argument, but {fault}"
            raise block.refuse(f"{message}: rename the parameter")
