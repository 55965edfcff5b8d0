"""`authority format`: fill the column lists of queries that share a `@row`.

A person writes the columns of a row in the first query with that `@row`, by file name
and then in the file. This list has one column a line. All other lists of the row are
filled from it and have as few lines as possible, so that a reader sees which list to
edit and does not scroll through the others.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from authority_queries.codegen.errors import Outcome
from authority_queries.codegen.filling.column_lists import Statement
from authority_queries.codegen.filling.wanted_columns import (
    FilledList,
    Row,
    filled_lists,
)
from authority_queries.codegen.query import Query
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.codegen.reading.source import Source, split
from authority_queries.codegen.settings import read

_WIDTH: Final = 88
_INDENT: Final = "    "


def run(config: Path, *, check: bool) -> Outcome:
    """Write all lists; with `check` return the stale ones and write nothing.

    Raises ConfigurationError, and GenerationError with file and line.
    """
    lists = list(lists_of_folder(read(config).queries))
    stale = [filled.difference for filled in lists if filled.is_stale]
    text = "".join(f"{line}\n" for line in stale)
    if check:
        fault = f"{len(stale)} column lists are stale: run `authority format`"
        return Outcome(text=text, fault=fault if stale else None)
    for path, formatted in texts_with(lists).items():
        newline = "\r\n" if b"\r\n" in path.read_bytes() else "\n"
        path.write_text(formatted, encoding="utf-8", newline=newline)
    return Outcome(text=f"{text}{len(stale)} of {len(lists)} column lists filled\n")


def lists_of_folder(folder: Path) -> Iterator[FilledList]:
    """Yield the lists of all queries that share a row with another query.

    They share one by `@row`, or by `@as` with a query that has a `@row`.
    """
    queries = read_folder(folder)
    blocks = {
        (path, block.name): block
        for path in {query.path for query in queries}
        for block in split(Source.read(path))
    }
    rows: dict[str, list[Query]] = {}
    for query in queries:
        if name := query.tags.row or _row_of_other(query, queries):
            rows.setdefault(name, []).append(query)
    for sharing in rows.values():
        statements = [Statement(blocks[query.path, query.name]) for query in sharing]
        # A query that is given rows of the class, instead of returning them, has none.
        returning = [
            (query, statement)
            for query, statement in zip(sharing, statements, strict=True)
            if statement.lists
        ]
        if len(returning) > 1:
            declaring, first = returning[0]
            row = Row(declared_by=declaring, columns=first.lists[0].columns)
            for _, statement in returning:
                yield from filled_lists(statement, row, declares=statement is first)


def _row_of_other(query: Query, queries: Sequence[Query]) -> str | None:
    """Return the row of the query of the same file that `@as` names."""
    for other in queries:
        if (other.path, other.name) == (query.path, query.tags.rows_of):
            return other.tags.row
    return None


def texts_with(lists: Sequence[FilledList]) -> dict[Path, str]:
    """Return the new texts of the files that the lists change, by path."""
    sources = {filled.statement.block.source for filled in lists}
    texts = {source.path: source.text for source in sources}
    # From the end, so that the offsets before a list stay true.
    for filled in sorted(lists, key=lambda filled: filled.found.start, reverse=True):
        path = filled.statement.block.source.path
        texts[path] = _with_list(texts[path], filled)
    return {
        source.path: texts[source.path]
        for source in sources
        if texts[source.path] != source.text
    }


def _with_list(text: str, filled: FilledList) -> str:
    """Write a list into a file's text, below its keyword.

    A single column stays on the line of the keyword. A list with comments stays as it
    is.
    """
    found, columns = filled.found, filled.columns
    if found.has_comments or (len(columns) == 1 and not filled.is_stale):
        return text
    line = text[text.rfind("\n", 0, found.after) + 1 : found.after]
    indent = line.removesuffix(line.lstrip())
    written = [column.text for column in columns]
    if not filled.declares:
        written = list(_wrapped(written, _WIDTH - len(indent + _INDENT)))
    behind = re.sub(r"\A[ \t]+(?=\S)", f"\n{indent}", text[found.end :])
    lines = ",".join(f"\n{indent}{_INDENT}{columns}" for columns in written)
    return text[: found.after] + lines + behind


def _wrapped(columns: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines of columns. A column of several lines shares none of them."""
    line = ""
    for column in columns:
        joined = f"{line}, {column}" if line else column
        # The comma at the end of the line counts.
        if line and ("\n" in joined or len(joined) >= width):
            yield line
            joined = column
        line = joined
    yield line
