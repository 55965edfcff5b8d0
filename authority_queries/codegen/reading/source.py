"""A query file's text, split into queries by PostgreSQL's own scanner."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pglast.parser import ParseError
from pglast.parser import scan as scan_tokens

from authority_queries.codegen.errors import GenerationError, Place
from authority_queries.codegen.query import Position

_COMMENTS: Final = frozenset({"SQL_COMMENT", "C_COMMENT"})
# aiosql's pattern. aiosql searches everywhere except in /* */, across lines too.
_AIOSQL_BEGIN: Final = re.compile(r"--\s*name\s*:")
_BEGIN: Final = re.compile(r"--[ \t]*name[ \t]*:[ \t]*(?P<name>[\w-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of PostgreSQL's scanner, `kind` by pglast's name.

    `start` and `end` (exclusive) count characters of the scanned text.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def is_comment(self) -> bool:
        """Return whether PostgreSQL skips it."""
        return self.kind in _COMMENTS


def scan(text: str) -> list[Token]:
    """Return all tokens, comments too. Raises pglast's ParseError."""
    return [
        Token(
            kind=found.name,
            text=text[found.start : found.end + 1],
            start=found.start,
            end=found.end + 1,
        )
        for found in scan_tokens(text)
    ]


def told_by(error: ParseError) -> tuple[str, int]:
    """Return the message of PostgreSQL's parser, and its offset or 0."""
    message, offset, *_ = (*error.args, None)
    return str(message), offset or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A query file. Its offsets count characters; CR LF is read as LF."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> "Source":
        """Read the file as UTF-8, as at run time."""
        empty = cls(path=path, text="")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise empty.refuse_line(line, "not UTF-8: save it as UTF-8") from error
        except OSError as error:
            raise empty.refuse_line(1, f"cannot be read: {error.strerror}") from error
        source = cls(path=path, text=text)
        if text.startswith("\ufeff"):
            raise source.refuse(0, "begins with a byte order mark: save it without")
        if "\0" in text:
            raise source.refuse(text.index("\0"), "a NUL character: remove it")
        return source

    def line(self, offset: int) -> int:
        """Return the line of an offset, counted from 1."""
        return self.text.count("\n", 0, offset) + 1

    def position(self, offset: int) -> Position:
        """Return the line and the column of an offset."""
        return Position(self.line(offset), offset - self.text.rfind("\n", 0, offset))

    def refuse(self, offset: int, message: str) -> GenerationError:
        """Make an error at an offset."""
        return self._refuse(self.position(offset), message)

    def refuse_line(self, line: int, message: str) -> GenerationError:
        """Make an error at the beginning of a line."""
        return self._refuse(Position(line, 1), message)

    def _refuse(self, position: Position, message: str) -> GenerationError:
        place = Place(self.path.absolute(), *position)
        return GenerationError(message.replace("\n", "\\n"), place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The part of a file with one query.

    `name` is the name in Python (aiosql turns `-` into `_`), empty if it is missing.
    `comments` are the comment lines directly under the name. `body` is the rest,
    including other comments. `end` is the offset behind it.
    """

    source: Source
    name: str
    start: int
    end: int
    comments: tuple[Token, ...]
    body: tuple[Token, ...]

    @property
    def line(self) -> int:
        """Return the line of the name."""
        return self.source.line(self.start)

    def refuse(self, message: str) -> GenerationError:
        """Make an error at the query's name."""
        return self.source.refuse(self.start, message)


def split(source: Source) -> list[Block]:
    """Return the queries in the order of the file."""
    try:
        tokens = scan(source.text)
    except ParseError as error:
        message, offset = told_by(error)
        raise source.refuse(offset, message) from error
    starts = _beginnings(source, tokens)
    ends = [*starts[1:], len(tokens)]
    return [
        _block(source, tokens[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]


def _beginnings(source: Source, tokens: list[Token]) -> list[int]:
    starts = []
    hidden = {match.start() for match in _AIOSQL_BEGIN.finditer(source.text)}
    for index, token in enumerate(tokens):
        within = {offset for offset in hidden if token.start <= offset < token.end}
        hidden -= within
        if token.kind == "C_COMMENT":
            continue
        if _begins_line(source, token) and _BEGIN.match(token.text):
            within.discard(token.start)
            starts.append(index)
        if within:
            raise _hidden(source, token, min(within))
        if not starts and not token.is_comment:
            raise source.refuse(token.start, "SQL before the first `-- name:`")
    if not starts:
        raise source.refuse_line(1, "no query: write `-- name: x()` over each one")
    return starts


def _begins_line(source: Source, token: Token) -> bool:
    line_start = source.text.rfind("\n", 0, token.start) + 1
    return not source.text[line_start : token.start].strip(" \t")


def _hidden(source: Source, token: Token, offset: int) -> GenerationError:
    since = source.line(token.start)
    return source.refuse(
        offset,
        "aiosql would begin a query here, where PostgreSQL sees none"
        f" (this is part of `{token.text[:12]}…` of line {since}): write it otherwise",
    )


def _block(source: Source, tokens: list[Token]) -> Block:
    first = tokens[0]
    found = _BEGIN.match(first.text)
    name = found["name"] if found else ""
    count = 1
    while count < len(tokens) and _is_next_line(source, *tokens[count - 1 : count + 1]):
        count += 1
    return Block(
        source=source,
        name=name.replace("-", "_"),
        start=first.start,
        end=tokens[-1].end,
        comments=tuple(tokens[1:count]),
        body=tuple(tokens[count:]),
    )


def _is_next_line(source: Source, token: Token, following: Token) -> bool:
    between = source.text[token.end : following.start]
    return following.kind == "SQL_COMMENT" and between.count("\n") == 1
