"""EXPLAIN's text of conditions, split by brackets and quotes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

# How a plan refers to what policies compare a row's tenant with.
SESSION_TENANT: Final = "the session's tenant"
_STRING: Final = r"'(?:[^']|'')*'"
_PARAMETER: Final = re.compile(rf"{_STRING}|\$(\d+)")
_PIECE: Final = re.compile(rf'{_STRING}|"[^"]*"|.', re.DOTALL)
_AND: Final = " AND "
_OR: Final = " OR "
_SELECT: Final = re.compile(r"SELECT\b")
_EQUALS: Final = " = "
_BESIDES: Final = re.compile(rf"{_STRING}|::[\w.\"]+")


def clauses_of(condition: str) -> Iterator[str]:
    """Return the clauses that AND joins, an OR among them in brackets."""
    condition = unbracketed(condition)
    outside = list(_outside(condition))
    ends = [at for at in outside if condition.startswith(_AND, at)]
    if not ends:
        joined = any(condition.startswith(_OR, at) for at in outside)
        yield f"({condition})" if joined else condition
        return
    starts = [0, *(end + len(_AND) for end in ends)]
    for start, end in zip(starts, [*ends, len(condition)], strict=True):
        yield from clauses_of(condition[start:end])


def sides_of(clause: str) -> tuple[str, ...]:
    """Return both sides of an equality, and nothing for another clause."""
    for at in _outside(clause):
        if clause.startswith(_EQUALS, at):
            sides = (clause[:at], clause[at + len(_EQUALS) :])
            return tuple(unbracketed(side) for side in sides)
    return ()


def source_of(side: str) -> str:
    """Return the source of a value, without casts, strings and quotes."""
    return unbracketed(_BESIDES.sub("", side).replace('"', ""))


def subqueries_of(text: str) -> Iterator[str]:
    """Return the subqueries in a text, without their brackets."""
    starts: list[int] = []
    for piece in _PIECE.finditer(text):
        if piece[0] == "(":
            starts.append(piece.end())
        elif piece[0] == ")":
            inner = text[starts.pop() : piece.start()].strip()
            if _SELECT.match(inner):
                yield inner


def unbracketed(text: str) -> str:
    """Remove the brackets around a whole text."""
    while _is_bracketed(text):
        text = text[1:-1]
    return text


def with_names(text: str, parameters: Sequence[str], aliases: Mapping[str, str]) -> str:
    """Replace `$1` by `:name`, and each alias by its other one."""

    def named(found: "re.Match[str]") -> str:
        number = int(found[1] or 0)
        is_known = 0 < number <= len(parameters)
        return f":{parameters[number - 1]}" if is_known else found[0]

    text = _PARAMETER.sub(named, text)
    for alias, other in aliases.items():
        text = re.sub(rf'\b{re.escape(alias)}(?="?\.)', other, text)
    return text


def _is_bracketed(text: str) -> bool:
    return text.startswith("(") and not any(True for _ in _outside(text))


def _outside(condition: str) -> Iterator[int]:
    """Return the positions outside of brackets, without the brackets themselves."""
    depth = 0
    for piece in _PIECE.finditer(condition):
        if piece[0] == "(":
            depth += 1
        elif piece[0] == ")":
            depth -= 1
        elif depth == 0:
            yield piece.start()
