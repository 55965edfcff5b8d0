"""`authority format`: fill the column lists of queries that share a `@row`.

The columns of a row are written by hand in the first query with that `@row`, by file
name and then in the file, one a line. Other lists of the row are filled from it, in as
few lines as possible: a reader sees which list to edit and need not scroll through the
others.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from authority_queries.codegen.filling.column_lists import Statement
from authority_queries.codegen.filling.wanted_columns import (
    FilledList,
    Row,
    filled_lists,
)
from authority_queries.codegen.query import Outcome, Query
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.codegen.reading.source import Source, split
from authority_queries.codegen.settings import read

_WIDTH: Final = 88
_INDENT: Final = "    "


def run(config: Path, *, check: bool) -> Outcome:
    """Write all lists as they should be; with `check` name those that are stale.

    Raises ConfigurationError, and GenerationError with file and line.
    """
    lists = list(lists_of_folder(read(config).queries))
    stale = [filled.difference for filled in lists if filled.is_stale]
    text = "".join(f"{line}\n" for line in stale)
    if check:
        fault = f"{len(stale)} column lists are stale: run `authority format`"
        return Outcome(text=text, fault=fault if stale else None)
    for path, formatted in texts_with(lists).items():
        path.write_text(formatted, encoding="utf-8")
    return Outcome(text=f"{text}{len(stale)} of {len(lists)} column lists filled\n")


def lists_of_folder(folder: Path) -> Iterator[FilledList]:
    """Give the lists of all queries that share a row with another one.

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
        first, *others = (
            Statement(blocks[query.path, query.name]) for query in sharing
        )
        if others and first.lists:
            row = Row(declared_by=sharing[0], columns=first.lists[0].columns)
            yield from filled_lists(first, row, declares=True)
            for other in others:
                yield from filled_lists(other, row, declares=False)


def _row_of_other(query: Query, queries: Sequence[Query]) -> str | None:
    """Give the row of the query of the same file that `@as` names."""
    for other in queries:
        if (other.path, other.name) == (query.path, query.tags.rows_of):
            return other.tags.row
    return None


def texts_with(lists: Sequence[FilledList]) -> dict[Path, str]:
    """Give the texts of the files that the lists change, by path."""
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
    """Put a list into a file's text: below its keyword, with a new line behind it.

    A single column stays on the keyword's line, and a list with comments as it is.
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
    """Fill lines with columns. One of several lines has them for itself."""
    line = ""
    for column in columns:
        joined = f"{line}, {column}" if line else column
        # The comma at the end of the line counts.
        if line and ("\n" in joined or len(joined) >= width):
            yield line
            joined = column
        line = joined
    yield line
