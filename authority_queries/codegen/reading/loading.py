"""aiosql's own reading of a query file, and its refusals with the right line."""

import re
from collections.abc import Sequence
from typing import Final

import aiosql
from aiosql.queries import Queries
from aiosql.utils import SQLLoadException, SQLParseException

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.reading.source import Block, Source
from authority_queries.engine._sync.query_file import QueryFile

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


def load(source: Source, blocks: Sequence[Block]) -> Queries:
    """Load the file as at run time. Raises GenerationError for what aiosql refuses.

    Also when aiosql does not find the queries that PostgreSQL's scanner does.
    """
    try:
        queries = QueryFile(source.path).queries
    except _Refusal as refusal:
        raise _refused(source, blocks, refusal) from refusal
    names = {block.name for block in blocks}
    found = set(queries.available_queries)
    additional = found - names - {f"{name}_cursor" for name in names}
    for name in sorted(additional | names - found):
        block = next((block for block in blocks if block.name == name), blocks[0])
        message = f"aiosql and PostgreSQL see different queries, such as `{name}`"
        raise block.refuse(f"{message}: look for an apostrophe in a comment or $$…$$")
    return queries


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
