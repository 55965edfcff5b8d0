"""Shortens a statement as long as the error about it stays."""

import re
from collections.abc import Callable, Sequence
from typing import Final

_TOKEN: Final = re.compile(r"'(?:[^']|'')*'|\$\d+|[\w.]+|::|[<>=!|&@#?~-]+|\S")


def shrink(text: str, still_wrong: Callable[[str], bool]) -> str:
    """Remove tokens, many at a time at first, as long as it is still wrong."""
    tokens = _TOKEN.findall(text)
    size = len(tokens)
    while size:
        shorter = _without_windows(tokens, size, still_wrong)
        # Each removal may make another one possible.
        size = size // 2 if len(shorter) == len(tokens) else min(size, len(shorter))
        tokens = shorter
    return _written(_without_brackets(tokens, still_wrong))


def _without_windows(
    tokens: list[str], size: int, still_wrong: Callable[[str], bool]
) -> list[str]:
    start = 0
    while start < len(tokens):
        shorter = tokens[:start] + tokens[start + size :]
        if _balanced(shorter) and still_wrong(_written(shorter)):
            tokens = shorter
        else:
            start += 1
    return tokens


def _without_brackets(
    tokens: list[str], still_wrong: Callable[[str], bool]
) -> list[str]:
    start = 0
    while start < len(tokens):
        end = _closing(tokens, start)
        shorter = tokens[:start] + tokens[start + 1 : end] + tokens[end + 1 :]
        if end > start and still_wrong(_written(shorter)):
            tokens = shorter
        else:
            start += 1
    return tokens


def _closing(tokens: Sequence[str], start: int) -> int:
    """Return the place of the bracket that closes the one at `start`, or `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] == "(") - (tokens[place] == ")")
        if not depth:
            return place
    return start


def _balanced(tokens: Sequence[str]) -> bool:
    return all(
        tokens.count(opening) == tokens.count(closing)
        for opening, closing in ("()", "[]")
    )


def _written(tokens: Sequence[str]) -> str:
    text = " ".join(tokens)
    return re.sub(r" (?=[),\[\]]|::)|(?<=[(\[])\ |(?<=::) ", "", text)
