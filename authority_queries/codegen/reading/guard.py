"""A comparison of the written SQL with the SQL that is sent.

aiosql and psycopg rewrite a query's text with regular expressions, which are right for
most SQL and silently wrong for some. Here PostgreSQL's own scanner reads both the file
and the text that PostgreSQL would get. A different token is an error; comments do not
count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final

import psycopg
from aiosql.types import SQLOperationType
from pglast.parser import ParseError

from authority_queries.codegen.query import Positions, Query, Word
from authority_queries.codegen.reading.source import Block, Token, scan, told_by
from authority_queries.codegen.reading.statement_rules import check_statement
from authority_queries.codegen.sent import sent_text, with_names

_CONTEXT: Final = 5  # words
_EXCERPT: Final = 20  # characters
_SLICE: Final = "aiosql reads a slice as a parameter: write `[1 : 2]`, `[:a : :b]`"
_ATTRIBUTE: Final = "aiosql reads `:a.b` as an attribute: write `(:a).b`"
_APOSTROPHE: Final = (
    "aiosql read an apostrophe in a comment, $$…$$ or E'…' above as the beginning of a"
    " string: remove it"
)
_STRING: Final = (
    "aiosql reads :name in $$…$$ and E'…\\'…' as a parameter, and changes strings of"
    " several lines: write a plain string in one line"
)
_NO_PARAMETERS: Final = "scripts and COPY take no parameters: write the value"
_NAME: Final = "a parameter's name consists of letters, digits and _: rename it"
_COMMENT: Final = (
    "aiosql removes /* … */ without leaving a space, does not nest it, and removes"
    " lines that begin with `--`: write `--` comments"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """The text that is sent. `names[0]` became `$1`; None if the text is unchanged."""

    sql: str
    names: tuple[str, ...] | None

    def with_names(self, text: str) -> str:
        """Turn each `$1` back into `:name`."""
        return with_names(text, self.names or ())


def checked(query: Query, block: Block) -> Query:
    """Return the query with the positions of its parts.

    Raises GenerationError if another query than the written one would run, and if its
    statement does not name its columns. Scripts need no names.
    """
    written = _written(block)
    bare = query.operation is SQLOperationType.SCRIPT or written[0].kind == "COPY"
    text = _Text(sql=query.sql, names=None) if bare else _converted(query, block)
    sent = _sent(text)
    _compare(block, written, text, sent)
    _check_parameters(query, block, written)
    words = tuple(
        Word(end=theirs.end, text=ours.text, position=block.source.position(ours.start))
        for ours, theirs in zip(written, sent, strict=True)
    )
    query = replace(query, positions=Positions(words=words))
    if query.operation is SQLOperationType.SCRIPT:
        return query
    columns = check_statement(query, text.sql, text.names or ())
    return replace(query, positions=Positions(words=words, columns=columns))


def _written(block: Block) -> list[Token]:
    words: list[Token] = []
    for token in block.body:
        if token.is_comment:
            continue
        if token.kind == "PARAM":
            message = f"{token.text} has no value: write :name"
            raise block.source.refuse(token.start, message)
        colon = words[-1] if words else token
        if (colon.kind, colon.end) == ("ASCII_58", token.start) and _is_name(token):
            text = f":{token.text}"
            words[-1] = replace(token, kind="PARAM", text=text, start=colon.start)
        else:
            words.append(token)
    if not words:
        raise block.refuse("no statement below the comment")
    return words


def _is_name(token: Token) -> bool:
    return token.text.isascii() and token.text.isidentifier()


def _converted(query: Query, block: Block) -> _Text:
    try:
        sql, names = sent_text(query.sql)
    except psycopg.ProgrammingError as error:
        raise block.refuse(f"psycopg refuses the text: {error}") from error
    return _Text(sql=sql, names=names)


def _sent(text: _Text) -> list[Token]:
    """Return the tokens of the text that is sent, as far as it is readable."""
    try:
        tokens = scan(text.sql)
    except ParseError as error:
        _, offset = told_by(error)
        tokens = scan(text.sql[:offset])
    return [
        replace(token, text=text.with_names(token.text))
        if token.kind == "PARAM"
        else token
        for token in tokens
        if not token.is_comment
    ]


def _compare(
    block: Block, written: Sequence[Token], text: _Text, sent: Sequence[Token]
) -> None:
    for index, (ours, theirs) in enumerate(zip_longest(written, sent)):
        if ours and theirs and (ours.kind, ours.text) == (theirs.kind, theirs.text):
            continue
        raise block.source.refuse(
            written[min(index, len(written) - 1)].start,
            f"{_told(block, written, text, sent, index)};"
            f" {_advice(written, sent, index, bare=text.names is None)}",
        )


def _told(
    block: Block,
    written: Sequence[Token],
    text: _Text,
    sent: Sequence[Token],
    index: int,
) -> str:
    ours = _excerpt(block.source.text[: block.end], written, index)
    theirs = _excerpt(text.sql, sent, index)
    if index < min(len(written), len(sent)) and sent[index].kind == "ASCII_58":
        return f"`{theirs}` would be sent unchanged, without a parameter for the `:`"
    return f"`{ours}` is written, but `{theirs}` would be sent"


def _excerpt(text: str, words: Sequence[Token], index: int) -> str:
    if index < len(words):
        following = words[index : index + _CONTEXT]
        return text[following[0].start : following[-1].end]
    return text[words[-1].end :][:_EXCERPT].strip() if words else ""


def _check_parameters(query: Query, block: Block, written: Sequence[Token]) -> None:
    used = {word.text for word in written if word.kind == "PARAM"}
    for name in query.parameters:
        if f":{name}" not in used:
            message = f"parameter `{name}` is only in a comment or a string"
            raise block.refuse(message)


def _advice(
    written: Sequence[Token], sent: Sequence[Token], index: int, *, bare: bool
) -> str:
    """Return the remedy at the first different token.

    Both sequences have no comments, and one token PARAM for a parameter. `bare` means a
    statement that is sent without parameters.
    """
    match _kind(written, index), _kind(sent, index):
        case ("PARAM", "ASCII_58") | ("ASCII_58", "PARAM") if bare:
            reason = _NO_PARAMETERS
        case ("PARAM", "ASCII_58"):
            reason = _SLICE if _touch(written[: index + 1]) else _APOSTROPHE
        case ("PARAM", "PARAM"):
            reason = _ATTRIBUTE
        case ("ASCII_58", "PARAM") if _names_follow(written[index + 1 :]):
            reason = _NAME
        case ("ASCII_58", _) | (_, "PARAM"):
            reason = _SLICE
        case ("SCONST" | "USCONST", _):
            reason = _STRING
        case _:
            reason = _COMMENT
    return reason


def _kind(words: Sequence[Token], index: int) -> str:
    return words[index].kind if index < len(words) else ""


def _names_follow(words: Sequence[Token]) -> bool:
    return bool(words) and words[0].kind != "ICONST"


def _touch(words: Sequence[Token]) -> bool:
    """Return whether the last two tokens are adjacent parameters."""
    if len(words) < 2:  # noqa: PLR2004 -- two are compared
        return False
    first, second = words[-2:]
    return first.kind == "PARAM" and first.end == second.start
