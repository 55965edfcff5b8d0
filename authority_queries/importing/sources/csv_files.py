"""CSV files with a header, whose rows are converted by a mapping file."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.documents import Collection
from authority_queries.importing.mapping.language import CsvRule
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
    read_all_lines,
)

_ENDINGS: Final = (".csv", ".tsv")


class CsvFiles:
    """A file, or a folder of files. Each is a collection, without its ending."""

    def __init__(self, location: Path, rule: CsvRule) -> None:
        self._location = location
        self._rule = rule
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
        """Yield each row by the names of the header. Raises SourceError."""
        path = self._files[collection]
        start, names = next(_rows(path, self._rule, None), (None, []))
        if len(set(names)) < len(names):
            message = f"{path}: the header has a name twice"
            raise SourceError(message)
        for position, row in _rows(path, self._rule, after or start):
            yield position, _fields(names, row)

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""


def open_source(options: SourceOptions) -> MappedSource:
    """Open CSV files. Raises SourceError, ConfigurationError."""
    location = Path(options.location.get_secret_value())
    return open_mapped("csv", options, lambda mapped: CsvFiles(location, mapped.csv))


class _Feed:
    """The lines of a file for the parser, which takes as many as a row has."""

    def __init__(self, lines: Iterator[Line], encoding: str) -> None:
        self._lines = lines
        self._encoding = encoding
        self.position: JsonValue = None
        self.number = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.position, self.number = line.position, line.number
        return line.text.decode(self._encoding)


def _rows(
    path: Path, rule: CsvRule, after: JsonValue
) -> Iterator[tuple[JsonValue, list[str]]]:
    """Yield rows, each with the position after it. Blank lines are left out."""
    feed = _Feed(read_all_lines(path, after=after), rule.encoding)
    delimiter = rule.delimiter or ("\t" if ".tsv" in path.suffixes else ",")
    try:
        for row in csv.reader(feed, delimiter=delimiter, strict=True):
            if row:
                yield feed.position, row
    except (csv.Error, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, csv.Error) else f"no {rule.encoding}"
        message = f"{path}, line {feed.number}: {reason}"
        raise SourceError(message) from None


def _fields(names: list[str], row: list[str]) -> RawDocument | Unreadable:
    """Return the fields of a row. An empty one has no value."""
    if len(row) != len(names):
        return Unreadable(f"the row has {len(row)} fields, the header {len(names)}")
    return {name: value for name, value in zip(names, row, strict=True) if value}
