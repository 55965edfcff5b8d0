# ruff: noqa: S608 -- this module makes SQL, and no input gets into it.
"""Random values, small on purpose so that they meet, and tables filled with them."""

from collections.abc import Mapping
from random import Random
from typing import Final

from tests.fuzz.world import Column, Connection, Relation, World

_NUMBERS: Final = ("0", "1", "2", "3", "5", "-1")
_MOMENTS: Final = ("2024-01-01 12:00+00", "2025-06-30 00:00+00", "infinity")
_UUIDS: Final = tuple(f"00000000-0000-0000-0000-{n:012}" for n in range(40))
_OBJECTS: Final = ("{}", '{"a": 1}', '{"a": null}', '{"a": 3, "b": [1, null]}')
_LISTS: Final = ("[]", "[1, null]", '[{"a": null}]')
_FULL_ARRAYS: Final = ("{}", "{a}", "{open,b}")
_LEVELS: Final = ("low", "high")
BY_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "int": _NUMBERS,
    "bigint": _NUMBERS,
    "numeric": (*_NUMBERS, "1.5", "NaN"),
    "float": (*_NUMBERS, "0.5", "NaN", "Infinity"),
    "text": ("a", "b", "open", "", "Zed", "12", "low", "x"),
    "bool": ("true", "false"),
    "timestamptz": (*_MOMENTS, "-infinity"),
    "date": ("2024-01-01", "2025-06-30", "infinity"),
    "interval": ("1 day", "2 hours", "-1 month"),
    "jsonb": (*_OBJECTS, *_LISTS, "null", '"open"', "5"),
    "texts": (*_FULL_ARRAYS, "{a,NULL}", "{NULL}"),
    "ints": ("{}", "{1,2}", "{NULL,3}", "{NULL}"),
    "uuid": _UUIDS[:6],
    "mood": ("calm", "busy"),
}
_BY_NAME: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("open", "closed", "held"),
    "grade": ("a", "b"),
    "level": _LEVELS,
    "kind": ("x", "y"),
    "state": ("new", "old"),
    "code": ("one", "two"),
    "settings": _OBJECTS,
    "payload": _OBJECTS,
    "body": _OBJECTS,
    "list": _LISTS,
    "tags": _FULL_ARRAYS,
    "marks": _FULL_ARRAYS,
    "quantity": ("1", "2", "5"),
}
# Here the check of the parent is not inherited, or not enforced.
_BY_COLUMN: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("fuzz.old_events", "level"): (*_LEVELS, "other"),
    ("fuzz.notes", "grade"): ("a", "other"),
    ("fuzz.old_notes", "grade"): ("b", "other"),
}


def samples(relation: Relation, column: Column) -> tuple[str, ...]:
    """Texts that the column's checks allow."""
    own = _BY_COLUMN.get((relation.name, column.name))
    return own or _BY_NAME.get(column.name) or BY_TYPE[column.type]


def may_be_null(relation: Relation, column: Column) -> bool:
    """Return whether a new row can have a null in this column."""
    return not column.not_null and (relation.name, column.name) != (
        "fuzz.legacy",
        "code",
    )


def fill(connection: Connection, world: World, seed: int) -> None:
    """Fill all tables: none to a dozen of rows each, nulls often."""
    rng = Random(seed)
    sizes: dict[str, int] = {}
    for relation in world.tables:
        if relation.partition:
            continue
        parents = {
            column.references
            for column in relation.columns
            if column.references and column.not_null
        }
        possible = all(sizes.get(parent) for parent in parents)
        size = rng.choice((0, 2, 4, 7, 12)) if possible else 0
        for number in range(1, size + 1):
            connection.execute(_insert(relation, rng, number, sizes))
        sizes[relation.name] = size
    for relation in world.relations:
        if relation.kind == "m":
            connection.execute(f"refresh materialized view {relation.name}".encode())
    connection.execute("analyze")


def _insert(
    relation: Relation, rng: Random, number: int, sizes: Mapping[str, int]
) -> bytes:
    columns = [column for column in relation.columns if not column.generated]
    values = [_value(relation, column, rng, number, sizes) for column in columns]
    names = ", ".join(column.name for column in columns)
    statement = f"insert into {relation.name} ({names}) values ({', '.join(values)})"
    return statement.encode()


def quoted(text: str | None) -> str:
    """Write a text as a literal of SQL."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def _value(
    relation: Relation,
    column: Column,
    rng: Random,
    number: int,
    sizes: Mapping[str, int],
) -> str:
    if may_be_null(relation, column) and rng.random() < 0.35:
        # This stores a null even in a column of a domain that is NOT NULL.
        return f"(select null::{column.declared} where false)"
    text: str | None
    if column.references:
        size = sizes.get(column.references, number - 1)
        text = str(rng.randint(1, min(size, number))) if size else None
    elif column.name == "ref" and column.not_null:
        text = _UUIDS[number]
    elif column.name == "nick":
        text = f"n{number}"
    elif column.name == "line" or (column.name == "id" and column.not_null):
        text = str(number)
    else:
        text = rng.choice(samples(relation, column))
    return quoted(text)
