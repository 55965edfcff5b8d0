"""Types that `@type` declares for a column: how a loaded value becomes one of them.

A class is called: an Enum, a subclass of str or the like, a model of pydantic's. Any
other type is checked, without a conversion: NewType, Literal, TypedDict, lists and
dicts of these.
"""

import datetime as dt
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from typing import (
    Any,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeAlias,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

from typing_extensions import (
    get_type_hints,
    is_typeddict,
)

from authority_queries.engine.json_types import JsonValue

Reader: TypeAlias = Callable[[object], object]

# What psycopg loads; of the first ones there can be subclasses with one argument.
EXTENSIBLE: Final = (str, int, float, bytes, Decimal)
LOADED: Final = (*EXTENSIBLE, bool, UUID, dt.datetime, dt.date, dt.time, dt.timedelta)
UNIONS: Final = (Union, types.UnionType)
LISTS: Final = (list, Sequence)
DICTS: Final = (dict, Mapping)


def reader_of(hint: Any) -> Reader:  # noqa: ANN401 -- a type is any object
    """Return the function that makes a value of a type from the one psycopg loads.

    The function raises an exception for a value that the type does not have. Raises
    TypeError for a type that this module does not know.
    """
    hint = aliased(hint)
    arguments = get_args(hint)
    if get_origin(hint) in UNIONS and type(None) in arguments:
        rest = [one for one in arguments if one is not type(None)]
        return _or_none(reader_of(Union[tuple(rest)]))  # noqa: UP007 -- of a list
    if get_origin(hint) is Sequence:
        return _each(reader_of(arguments[0]))
    return caller_of(hint) or _Forms().of(hint)


def caller_of(hint: Any) -> Reader | None:  # noqa: ANN401 -- a type is any object
    """Return what is called to make a value of a class; None for what is checked."""
    if not isinstance(hint, type) or get_origin(hint) or is_typeddict(hint):
        return None
    model_validate: Reader | None = getattr(hint, "model_validate", None)
    if model_validate is not None:
        return model_validate
    is_called = issubclass(hint, (Enum, *EXTENSIBLE)) and hint not in LOADED
    return hint if is_called else None


def aliased(hint: Any) -> Any:  # noqa: ANN401 -- a type is any object
    """Return the type behind a NewType or an alias."""
    while True:
        if isinstance(hint, NewType):
            hint = hint.__supertype__
        elif _is_alias(hint):
            hint = hint.__value__
        else:
            return hint


def _is_alias(hint: object) -> bool:
    """Return whether a type is an alias, of typing or of typing_extensions."""
    return hint is not JsonValue and hasattr(hint, "__value__")


def _or_none(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _each(read: Reader) -> Reader:
    def each(values: object) -> list[object]:
        return [read(value) for value in _instance(list, values)]

    return each


def _each_value(read: Reader) -> Reader:
    def each(values: object) -> dict[str, object]:
        return {key: read(item) for key, item in _instance(dict, values).items()}

    return each


def _instance(type_: Any, value: Any) -> Any:  # noqa: ANN401 -- of whatever type
    """Return the value if it is of the type: an int is a float, a bool is no int."""
    accepted = (int, float) if type_ is float else type_
    if isinstance(value, accepted) and (type_ is bool or not isinstance(value, bool)):
        return value
    raise TypeError


class _Forms:
    """Makes the checks of types. A type can contain itself."""

    def __init__(self) -> None:
        self._known: dict[object, Reader] = {}

    def of(self, hint: Any) -> Reader:  # noqa: ANN401 -- a type is any object
        if not (is_typeddict(hint) or _is_alias(hint)):
            return self._made(aliased(hint))
        if hint not in self._known:
            self._known[hint] = self._deferred(hint)
            is_dict = is_typeddict(hint)
            self._known[hint] = (
                self._typed_dict(hint) if is_dict else self._made(aliased(hint))
            )
        return self._known[hint]

    def _deferred(self, hint: object) -> Reader:
        def read(value: object) -> object:
            return self._known[hint](value)

        return read

    def _made(self, hint: Any) -> Reader:  # noqa: ANN401 -- a type is any object
        arguments, origin = get_args(hint), get_origin(hint)
        if origin in UNIONS:
            return _first_of([self.of(argument) for argument in arguments])
        if origin in LISTS:
            return _each(self.of(arguments[0]))
        if origin in DICTS and arguments[0] is str:
            return _each_value(self.of(arguments[1]))
        if is_typeddict(hint):
            return self.of(hint)
        return _single(hint)

    def _typed_dict(self, hint: Any) -> Reader:  # noqa: ANN401 -- a type
        readers = {name: self.of(of) for name, of in get_type_hints(hint).items()}
        required = _required_keys(hint)

        def read(value: object) -> object:
            found: dict[str, object] = _instance(dict, value)
            if not required <= found.keys():
                raise KeyError
            for name in readers.keys() & found.keys():
                readers[name](found[name])
            return found

        return read


def _required_keys(hint: Any) -> set[str]:  # noqa: ANN401 -- a TypedDict
    """Return the keys that must be there, also where annotations are strings."""
    marked = get_type_hints(hint, include_extras=True)
    marks: dict[str, object] = {name: get_origin(of) for name, of in marked.items()}
    required = {name for name, mark in marks.items() if mark is Required}
    optional = {name for name, mark in marks.items() if mark is NotRequired}
    return {*hint.__required_keys__, *required} - optional


def _single(hint: Any) -> Reader:  # noqa: ANN401 -- a type is any object
    """Make the check of a type that has no others inside."""
    if hint in {JsonValue, object, Any}:
        return lambda value: value
    if get_origin(hint) is Literal:
        return lambda value: _listed(get_args(hint), value)
    if hint in {None, *LOADED, type(None), list, dict}:
        return lambda value: _instance(hint or type(None), value)
    raise TypeError(hint)


def _first_of(readers: Sequence[Reader]) -> Reader:
    def read(value: object) -> object:
        for one in readers:
            with suppress(TypeError, KeyError):
                return one(value)
        raise TypeError

    return read


def _listed(values: Sequence[object], value: object) -> object:
    if any(type(one) is type(value) and one == value for one in values):
        return value
    raise TypeError
