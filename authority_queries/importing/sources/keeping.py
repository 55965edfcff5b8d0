"""Keeps fields of another system in an open object, under the system's name."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.documents import Dropped

_HIDDEN: Final = "may be a secret"
# Less than the checks of properties, attributes and settings allow: 65,536 octets and
# 32 levels.
_MOST_OCTETS: Final = 60_000
_MOST_LEVELS: Final = 28
_SECRET: Final = re.compile(
    r"secret|private.?key|passw(?:or)?d|pkcs12|access_?token|refresh_?token|id_?token$"
    r"|api.?key|salt$|security.?stamp|recovery.?codes?$",
    re.IGNORECASE,
)
# Other fields whose names have such a word.
_HARMLESS: Final = re.compile(r".*(?:policy|lifespan|expiration|created?|time)$", re.I)


def keep(
    system: str, left: Mapping[str, JsonValue], dropped: list[Dropped]
) -> dict[str, JsonValue]:
    """Return the open object that keeps what is left, under the name of the system."""
    kept = keep_open(left, dropped)
    return {system: kept} if kept else {}


def keep_open(
    left: Mapping[str, JsonValue], dropped: list[Dropped]
) -> dict[str, JsonValue]:
    """Return what may be kept of what is left of a document.

    Fields with secrets, and the largest fields of an object that is too large, are
    added to `dropped` instead.
    """
    full = {name: value for name, value in left.items() if not _is_empty(value)}
    kept = _open(full, "", dropped)
    sizes = {name: _octets(name, value) for name, value in kept.items()}
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if sum(sizes.values()) > _MOST_OCTETS or _levels(kept[name]) > _MOST_LEVELS:
            dropped.append(Dropped(field=name, reason="too large to be kept"))
            del kept[name], sizes[name]
    return kept


def _open(
    value: Mapping[str, JsonValue], path: str, dropped: list[Dropped]
) -> dict[str, JsonValue]:
    """Return the members of an object that may be kept, and list the others."""
    kept: dict[str, JsonValue] = {}
    for name, inner in value.items():
        if not _may_be_secret(name, inner):
            kept[name] = _bare(inner, f"{path}{name}.", dropped)
        elif (hidden := Dropped(field=path + name, reason=_HIDDEN)) not in dropped:
            dropped.append(hidden)
    return kept


def _bare(value: JsonValue, path: str, dropped: list[Dropped]) -> JsonValue:
    if isinstance(value, dict):
        return _open(value, path, dropped)
    if isinstance(value, list):
        return [_bare(inner, path, dropped) for inner in value]
    return value


def _may_be_secret(name: str, value: JsonValue) -> bool:
    if isinstance(value, bool | int | float) or _is_empty(value):
        return False
    return _SECRET.search(name) is not None and not _HARMLESS.fullmatch(name)


def _is_empty(value: JsonValue) -> bool:
    return value is None or value in ("", [], {})


def _octets(name: str, value: JsonValue) -> int:
    return len(json.dumps({name: value}, ensure_ascii=False).encode("utf-8", "replace"))


def _levels(value: JsonValue) -> int:
    inner: Iterable[JsonValue] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    return 1 + max(map(_levels, inner), default=0)
