"""The files of an Auth0 export, by what is in them."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.sources.json_files import refuse_file, values

Kind: TypeAlias = Literal["users", "passwords", "clients", "roles", "apis", "others"]
_NO_NAMES: Final[frozenset[str]] = frozenset()
_FOLDERS: Final[Mapping[str, Kind]] = {
    "clients": "clients",
    "roles": "roles",
    "resource-servers": "apis",
    "resourceServers": "apis",
}
_READ: Final = frozenset({".json", ".ndjson", ".jsonl"})


def find_files(location: str) -> dict[Kind, list[Path]]:
    """Return the files of folders and files that commas separate, by their kind.

    Raises SourceError.
    """
    found: dict[Kind, list[Path]] = {kind: [] for kind in get_args(Kind)}
    for path in chain.from_iterable(map(_files, location.split(","))):
        found[_kind(path)].append(path)
    if not any(paths for kind, paths in found.items() if kind != "others"):
        message = f"{Path(location).name} has no export of Auth0"
        raise SourceError(message)
    return found


def objects_in(path: Path) -> Iterator[Mapping[str, JsonValue]]:
    """Yield the objects of a file: a list, JSON lines, or one object."""
    for value in values(path, names=_NO_NAMES):
        if not isinstance(value, dict):
            refuse_file(path, "has values that are no objects")
        yield value


def _files(part: str) -> Iterator[Path]:
    path = Path(part.strip())
    if not path.is_dir():
        yield path
        return
    yield from sorted(each for each in path.rglob("*") if each.is_file())


def _kind(path: Path) -> Kind:
    if path.suffix not in _READ:
        return "others"
    for name in (path.stem, path.parent.name):
        if name in _FOLDERS:
            return _FOLDERS[name]
    first = next(objects_in(path), {})
    names = {name.lower() for name in first}
    if {"passwordhash", "_id"} <= names:
        return "passwords"
    if "user_id" in names:
        return "users"
    return "clients" if "client_id" in names else "others"
