"""Files of JSON lines, whose documents are converted by a mapping file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue
from pydantic_core import from_json

from authority_queries.errors import SourceError
from authority_queries.importing.documents import Collection
from authority_queries.importing.mapping.opening import open_mapped
from authority_queries.importing.mapping.source import (
    MappedSource,
    RawDocument,
    Unreadable,
)
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.folders import files_of
from authority_queries.importing.sources.lines import (
    Line,
    estimate_lines,
    read_lines,
)

_ENDINGS: Final = (".jsonl", ".ndjson", ".json")


class JsonLines:
    """A file, or a folder of files. Each is a collection, without its ending."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self._files = files_of(location, _ENDINGS)

    @property
    def name(self) -> str:
        """The path."""
        return str(self._location)

    def collections(self) -> Sequence[Collection]:
        """Return the files."""
        return [
            Collection(name=name, estimated=estimate_lines(path))
            for name, path in self._files.items()
        ]

    def read(
        self, collection: str, *, after: JsonValue = None
    ) -> Iterator[tuple[JsonValue, RawDocument | Unreadable]]:
        """Yield the object of each line. Raises SourceError."""
        path = self._files[collection]
        for line in read_lines(path, after=after):
            yield line.position, _object(line, path)

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""


def open_source(options: SourceOptions) -> MappedSource:
    """Open files of JSON lines. Raises SourceError, ConfigurationError."""
    location = Path(options.location.get_secret_value())
    return open_mapped("json-lines", options, lambda _: JsonLines(location))


def _object(line: Line, path: Path) -> RawDocument | Unreadable:
    try:
        found = from_json(line.text, allow_inf_nan=False)
    except ValueError:
        if not line.is_ended:
            message = f"{path} is truncated: line {line.number} has no end"
            raise SourceError(message) from None
        found = None
    if isinstance(found, dict):
        return found
    return Unreadable(f"line {line.number} is no JSON object")
