"""Compares an entry of the source with the row here, field by field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.importing.comparing.rows import ReadBack
from authority_queries.importing.entries import (
    AnyEntry,
    Entry,
    UserEntry,
)
from authority_queries.importing.writing.rows import id_of
from authority_queries.importing.writing.tables import table_of
from authority_queries.names import username_key

_MOST_CHARACTERS: Final = 80
_MOST_NAMES: Final = 5
_HIDDEN: Final = "(not shown)"
_EMPTY: Final[tuple[object, ...]] = (None, False, [], {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A field that differs, with texts for the report that have no secret."""

    field: str
    source: str
    here: str


def find_gaps(entry: AnyEntry, here: ReadBack, tenant: str) -> Iterator[Gap]:
    """Yield each field in which the row here differs from the entry.

    `tenant` is the code of the tenant. A column that no field has must be empty, or
    have the value that is computed from the entry.
    """
    for field in table_of(entry).fields:
        expected = id_of(entry, tenant) if field == "id" else getattr(entry, field)
        found = here.value(field)
        if field in here.invalid:
            yield Gap(field=field, source=_HIDDEN, here="a value that no entry has")
        elif not is_same(expected, found):
            source, shown = _shown(entry, field, expected, found)
            yield Gap(field=field, source=source, here=shown)
    for column, value in here.rest.items():
        if not _is_right(entry, column, value, here):
            yield Gap(field=column, source="empty", here=_HIDDEN)


def is_same(expected: object, found: object) -> bool:
    """Return whether two values are the same. True is not 1, also inside JSON."""
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and expected.keys() == found.keys()
            and all(is_same(value, found[name]) for name, value in expected.items())
        )
    if isinstance(expected, list | tuple):
        return (
            isinstance(found, list | tuple)
            and len(expected) == len(found)
            and all(map(is_same, expected, found))
        )
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return expected == found


def is_secret(model: type[Entry], field: str) -> bool:
    """Return whether no output may have the values of this field."""
    known = model.model_fields.get(field)
    return known is None or not known.repr


def _is_right(entry: AnyEntry, column: str, value: object, here: ReadBack) -> bool:
    if isinstance(entry, UserEntry) and column == "username_key":
        username = here.value("username")
        return isinstance(username, str) and value == _username_key(username)
    if column == "updated_at":  # of a table whose entries have none
        return True
    return value in _EMPTY


def _username_key(username: str) -> str | None:
    try:
        return username_key(username)
    except InvalidArgumentError:
        return None


def _shown(
    entry: AnyEntry, field: str, expected: object, found: object
) -> tuple[str, str]:
    model = type(entry)
    if is_secret(model, field):
        return _presence(expected), _presence(found)
    if _is_json(model, field):
        paths = sorted({*_paths(expected, found, "")})
        text = _listed(paths)
        return f"differs at {text}", f"differs at {text}"
    if isinstance(expected, tuple) and isinstance(found, tuple):
        lost = [str(each) for each in expected if each not in found]
        added = [str(each) for each in found if each not in expected]
        if not lost and not added:
            return "the same names", "in another order, or not as often"
        return f"besides: {_listed(lost)}", f"besides: {_listed(added)}"
    return _text(expected), _text(found)


def _presence(value: object) -> str:
    return "none" if value is None else _HIDDEN


@cache
def _is_json(model: type[Entry], field: str) -> bool:
    return "JsonValue" in repr(model.model_fields[field].annotation)


def _paths(expected: object, found: object, path: str) -> Iterator[str]:
    """Yield the JSON pointers of what differs: names of members, and no value."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name in {*expected, *found}:
            below = f"{path}/{name}"
            if name in expected and name in found:
                yield from _paths(expected[name], found[name], below)
            else:
                yield below
    elif not is_same(expected, found):
        yield path or "/"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(_cut(name) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown or "nothing"


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bytes):
        return f"{len(value)} octets"
    if isinstance(value, datetime):
        return value.isoformat()
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
