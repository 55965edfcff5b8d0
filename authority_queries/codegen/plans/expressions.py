"""What EXPLAIN prints of a condition, taken apart by brackets and quotes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_STRING: Final = r"'(?:[^']|'')*'"
_PARAMETER: Final = re.compile(rf"{_STRING}|\$(\d+)")
_PIECE: Final = re.compile(rf'{_STRING}|"[^"]*"|.', re.DOTALL)
_AND: Final = " AND "
_OR: Final = " OR "


def clauses_of(condition: str) -> Iterator[str]:
    """Give the parts that `and` joins at the top, without brackets but for `or`."""
    while _is_bracketed(condition):
        condition = condition[1:-1]
    outside = list(_outside(condition))
    ends = [at for at in outside if condition.startswith(_AND, at)]
    if not ends:
        joined = any(condition.startswith(_OR, at) for at in outside)
        yield f"({condition})" if joined else condition
        return
    starts = [0, *(end + len(_AND) for end in ends)]
    for start, end in zip(starts, [*ends, len(condition)], strict=True):
        yield from clauses_of(condition[start:end])


def with_names(text: str, parameters: Sequence[str], aliases: Mapping[str, str]) -> str:
    """Write `:name` for `$1`, and the other alias for each of these aliases."""

    def named(found: "re.Match[str]") -> str:
        number = int(found[1] or 0)
        is_known = 0 < number <= len(parameters)
        return f":{parameters[number - 1]}" if is_known else found[0]

    text = _PARAMETER.sub(named, text)
    for alias, other in aliases.items():
        text = re.sub(rf'\b{re.escape(alias)}(?="?\.)', other, text)
    return text


def _is_bracketed(condition: str) -> bool:
    return condition.startswith("(") and not any(True for _ in _outside(condition))


def _outside(condition: str) -> Iterator[int]:
    """Give the positions that are in no brackets, those of the brackets left out."""
    depth = 0
    for piece in _PIECE.finditer(condition):
        if piece[0] == "(":
            depth += 1
        elif piece[0] == ")":
            depth -= 1
        elif depth == 0:
            yield piece.start()
