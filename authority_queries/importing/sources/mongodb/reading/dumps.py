"""Reads raw documents of a folder of `mongodump`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from bson import decode_file_iter
from bson.errors import InvalidBSON
from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.documents import Collection
from authority_queries.importing.sources.mongodb.reading.files import (
    bare_name,
    estimate,
    opened,
)
from authority_queries.importing.sources.mongodb.reading.values import decoding_uuids

_Raw: TypeAlias = dict[str, Any]

_BSON: Final = ".bson"
_METADATA: Final = ".metadata.json"
_OF_SERVERS: Final = ("admin", "config", "local")


def find_database(folder: Path) -> Path | None:
    """Return the folder with the files of a database, or None if there are none.

    `folder` is that folder, or has it. Raises SourceError if it has several.
    """
    if _dump_files(folder):
        return folder
    found = [
        inner
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and inner.name not in _OF_SERVERS and _dump_files(inner)
    ]
    if len(found) > 1:
        names = ", ".join(inner.name for inner in found)
        message = f"{folder} has several databases: name the folder of one ({names})"
        raise SourceError(message)
    return found[0] if found else None


class DumpReader:
    """A file of a dump, or those of one database. A position is an offset in a file."""

    def __init__(self, location: Path, legacy: int) -> None:
        self._location = location
        self._options = decoding_uuids(legacy)
        found = _dump_files(location) if location.is_dir() else [location]
        self._files = {_collection_name(path): path for path in found}

    @property
    def name(self) -> str:
        """Where the documents are."""
        return str(self._location)

    def collections(self) -> Sequence[Collection]:
        """Return the collections, by name. Raises SourceError."""
        return [
            Collection(name=name, estimated=estimate(path, self._offsets(path)))
            for name, path in sorted(self._files.items())
        ]

    def read(
        self,
        collection: str,
        *,
        after: JsonValue = None,
        only: Sequence[str] = (),  # noqa: ARG002 -- for servers
    ) -> Iterator[tuple[JsonValue, _Raw]]:
        """Yield each document in the order of the file. Raises SourceError.

        A file without its end raises an error with its name after the last document.
        """
        yield from self._read(self._files[collection], after)

    def close(self) -> None:
        """Files are closed after each read."""

    def _offsets(self, path: Path) -> Iterator[int]:
        return (offset for offset, _ in self._read(path, None))

    def _read(self, path: Path, after: JsonValue) -> Iterator[tuple[int, _Raw]]:
        with opened(path, after) as file:
            try:
                for document in decode_file_iter(file, self._options):
                    yield file.tell(), document
            except InvalidBSON as error:
                # The text of the error may repeat a value.
                message = f"{path} is truncated or damaged before octet {file.tell()}"
                raise SourceError(message) from error


def _dump_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if is_dump(path) and not path.name.startswith("system.")
    ]


def is_dump(path: Path) -> bool:
    """Return whether a file has BSON, by its name."""
    return bare_name(path).endswith(_BSON)


def _collection_name(path: Path) -> str:
    # mongodump escapes characters in the names of files, and cuts long names.
    stem = bare_name(path).removesuffix(_BSON)
    for metadata in (stem + _METADATA, stem + _METADATA + ".gz"):
        if (file := path.with_name(metadata)).exists():
            name = _read_metadata(file).get("collectionName")
            return str(name) if name else unquote(stem)
    return unquote(stem)


def _read_metadata(path: Path) -> Mapping[str, object]:
    with opened(path, None) as file:
        try:
            found = json.loads(file.read())
        except ValueError as error:
            message = f"{path} is no JSON"
            raise SourceError(message) from error
    return found if isinstance(found, Mapping) else {}
