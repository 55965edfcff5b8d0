"""A name means one thing in the arguments and records of all queries."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

from authority_queries import records
from tests.every_query import names_by_file

# The key of the last row of a page: whatever the rows are ordered by.
OF_SEVERAL_TYPES: Final = {"after", "examined_to"}


def types_of(hint: Any) -> set[object]:
    """Return the types that the annotation allows, without None."""
    origin = get_origin(hint)
    if origin is Literal:
        return {type(value) for value in get_args(hint)}
    if origin in {Union, UnionType}:
        return set().union(*map(types_of, get_args(hint))) - {NoneType}
    return {origin or hint}


def named_types() -> Iterator[tuple[str, set[object]]]:
    """Yield the types of each argument of a query and of each field of a record."""
    for file, query in names_by_file():
        module = import_module(f"authority_queries.queries.{file}")
        hints = get_annotations(getattr(module, query))
        for name in hints.keys() - {"connection", "return"}:
            yield name, types_of(hints[name])
    for record in vars(records).values():
        if is_dataclass(record):
            for field in fields(record):
                yield field.name, types_of(field.type)


def test_a_name_has_one_type_in_all_queries() -> None:
    common: dict[str, set[object]] = {}
    for name, types in named_types():
        common[name] = common.get(name, types) & types
    assert {name for name, types in common.items() if not types} == OF_SEVERAL_TYPES
    assert common["client_id"] == {str}
    assert common["client_uuid"] == {UUID}
