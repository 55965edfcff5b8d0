"""Reads raw documents of files of `mongoexport`: Extended JSON, any version."""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError
from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.documents import Collection
from authority_queries.importing.sources.mongodb.reading.files import (
    bare_name,
    estimate,
    opened,
)
from authority_queries.importing.sources.mongodb.reading.values import UuidDecoder

_Raw: TypeAlias = dict[str, Any]

_ENDINGS: Final = (".json", ".jsonl", ".ndjson")
_OF_DUMPS: Final = (".metadata.json", "prelude.json")
_CHUNK: Final = 1 << 16
_LONGEST: Final = 1 << 26  # BSON has at most 16 MiB; JSON takes up to four times that
_BETWEEN: Final = re.compile("[\\s,\\[\\]\ufeff]*")  # --jsonArray writes an array
_UNREADABLE: Final = (ValueError, TypeError, BSONError)
_OPTIONS: Final = json_util.JSONOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


class ExportReader:
    """Files of exported documents, one a collection. A position is an offset."""

    def __init__(self, path: Path, legacy: int) -> None:
        self._path = path
        self._decoder = json.JSONDecoder(
            object_hook=partial(_convert, UuidDecoder(legacy))
        )
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        self._files = {
            bare_name(file).rpartition(".")[0]: file
            for file in found
            if bare_name(file).endswith(_ENDINGS)
            and not bare_name(file).endswith(_OF_DUMPS)
        }
        if not self._files:
            endings = ", ".join(_ENDINGS)
            message = f"{path} has no files of mongodump (.bson) or exports ({endings})"
            raise SourceError(message)

    @property
    def name(self) -> str:
        """Where the documents are."""
        return str(self._path)

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

        Documents are on lines of their own, in an array, or over several lines.
        """
        yield from self._read(self._files[collection], after)

    def close(self) -> None:
        """Files are closed after each read."""

    def _offsets(self, path: Path) -> Iterator[int]:
        return (offset for offset, _ in self._read(path, None))

    def _read(self, path: Path, after: JsonValue) -> Iterator[tuple[int, _Raw]]:
        offset = after if isinstance(after, int) else 0
        with opened(path, after) as file:
            try:
                for size, document in self._decode(file):
                    offset += size
                    yield offset, document
            except _UNREADABLE as error:
                # The text of the error may repeat a value.
                message = (
                    f"{path} is truncated or no Extended JSON after octet {offset}"
                )
                raise SourceError(message) from error

    def _decode(self, file: BinaryIO) -> Iterator[tuple[int, _Raw]]:
        """Yield documents, each with its octets and those of what is before it."""
        decode = codecs.getincrementaldecoder("utf-8")().decode
        text, depth, ended = "", 0, False
        while not ended:
            chunk = file.read(max(_CHUNK, len(text)))
            ended = not chunk
            text += decode(chunk, final=ended)
            start = 0
            while (gap := _BETWEEN.match(text, start)) and gap.end() < len(text):
                try:
                    document, end = self._decoder.raw_decode(text, gap.end())
                except ValueError:
                    if ended or len(text) - start > _LONGEST:
                        raise
                    break
                depth += _nesting(gap[0])
                yield len(text[start:end].encode()), _checked(document)
                start = end
            text = text[start:]
        if depth + _nesting(text) > 0:
            raise ValueError("the array has no end")


def _nesting(gap: str) -> int:
    return gap.count("[") - gap.count("]")


def _checked(document: object) -> _Raw:
    if not isinstance(document, dict):
        raise TypeError("a document must be an object")
    return document


def _convert(uuids: UuidDecoder, found: _Raw) -> object:
    return uuids.transform_bson(json_util.object_hook(found, _OPTIONS))
