"""The fields of entries, and the conversion that each has by default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from authority_queries.importing.conversions import (
    boolean,
    client_secret_hash,
    day,
    email,
    integer,
    interval,
    json_object,
    moment,
    password_hash,
    plain_json,
    text,
    username,
    uuid,
)
from authority_queries.importing.entries import AnyEntry, Entry

Convert: TypeAlias = Callable[..., object]

ENTRIES: Final[Mapping[str, type[Entry]]] = {
    str(entry.model_fields["kind"].default): entry for entry in get_args(AnyEntry)
}
# Each kind follows those that it refers to.
RANKS: Final = {kind: rank for rank, kind in enumerate(ENTRIES)}

_BY_FIELD: Final[Mapping[tuple[str, str], Convert]] = {
    ("user", "username"): username,
    ("user", "email"): email,
    ("user", "password_hash"): password_hash,
    ("client_secret", "secret_hash"): client_secret_hash,
}
_BY_TYPE: Final[Mapping[object, Convert]] = {
    str: text,
    bool: boolean,
    int: integer,
    AwareDatetime: moment,
    date: day,
    timedelta: interval,
    UUID: uuid,
}
# Where fields without a place are kept.
_OPEN_FIELDS: Final = ("attributes", "properties")


@dataclass(frozen=True, slots=True)
class Target:
    """A field of an entry.

    - `convert`: the conversion by default. None means that the rule must name one.
    - `is_list`: `convert` is that of each item.
    - `is_object`: rules can also name fields inside of it.
    """

    name: str
    is_required: bool
    convert: Convert | None
    is_list: bool = False
    is_object: bool = False


@cache
def targets_of(kind: str) -> Mapping[str, Target]:
    """Return the fields of a kind of entry that rules can set."""
    return {
        name: _target(kind, name, field)
        for name, field in ENTRIES[kind].model_fields.items()
        if name != "kind"
    }


def open_field(kind: str) -> str | None:
    """Return the field that keeps unknown fields, or None."""
    fields = ENTRIES[kind].model_fields if kind in ENTRIES else {}
    return next((name for name in _OPEN_FIELDS if name in fields), None)


def _target(kind: str, name: str, field: FieldInfo) -> Target:
    required = field.is_required()
    found = _plain(field.annotation)
    if get_origin(found) is tuple:
        (item, *_) = get_args(found)
        convert = _BY_TYPE.get(_plain(item), None if item is bytes else plain_json)
        return Target(name, required, convert, is_list=True)
    if get_origin(found) is dict:
        return Target(name, required, json_object, is_object=True)
    if get_origin(found) is Literal:
        return Target(name, required, text)
    return Target(name, required, _BY_FIELD.get((kind, name), _BY_TYPE.get(found)))


def _plain(annotation: Any) -> Any:  # noqa: ANN401 - annotations have no common type
    """Return the type beside None."""
    if get_origin(annotation) in (UnionType, Union):
        kinds = [each for each in get_args(annotation) if each is not NoneType]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation
