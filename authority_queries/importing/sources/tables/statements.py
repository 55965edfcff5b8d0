"""The SQL files of this folder, whose tables and columns the catalogue decides."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Literal

_FOLDER: Final = Path(__file__).parent
# A parameter is `:name`; `::` is a cast.
_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")


def statement(
    name: str, identifiers: Mapping[str, Composable], values: Mapping[str, object]
) -> Composed:
    """Return a statement with these identifiers and values.

    The values are literals without a type, as keys may be texts, numbers or UUIDs: the
    server converts each to the type of its column. A list becomes several values.
    """
    parts = iter(_PARAMETER.split(_text(name)))
    found: list[Composable] = [_sql(next(parts))]
    for parameter in parts:
        found.append(identifiers.get(parameter) or _literal(values[parameter]))
        found.append(_sql(next(parts)))
    return Composed(found)


def _literal(value: object) -> Composable:
    if isinstance(value, list):
        return SQL(", ").join(map(Literal, value))
    return Literal(value)


@cache
def _text(name: str) -> str:
    lines = (_FOLDER / f"{name}.sql").read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def _sql(text: str) -> SQL:
    # The text is a part of a file of this package.
    return SQL(text)
