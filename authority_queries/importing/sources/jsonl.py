"""The portable form: JSON lines, each an entry and the code of its tenant."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json, to_json

from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.conversions import ConversionError, plain_json
from authority_queries.importing.documents import Collection, Document, Dropped
from authority_queries.importing.entries import ENTRY, AnyEntry
from authority_queries.importing.entries.end import End
from authority_queries.importing.refusals import reason_of
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.lines import (
    Line,
    estimate_lines,
    read_lines,
)

_SUFFIXES: Final = (".jsonl", ".jsonl.gz")
_NUL: Final = rb"\u0000"


class PortableFiles:
    """A file of the portable form, or a folder of them. Each is a collection."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self._files = _files(location)

    @property
    def name(self) -> str:
        """The kind and the path."""
        return f"jsonl:{self._location}"

    def collections(self) -> Sequence[Collection]:
        """Return the files in the order of their names."""
        return [
            Collection(name=name, estimated=estimate_lines(path))
            for name, path in self._files.items()
        ]

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        """Yield a document for each line. Raises SourceError."""
        path = self._files[collection]
        for line in read_lines(path, after=after):
            yield _document(line, path)

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""


def open_source(options: SourceOptions) -> PortableFiles:
    """Open a file or folder. Raises SourceError, ConfigurationError."""
    if options.since is not None:
        message = "source jsonl cannot read by time: use --update without --since"
        raise ConfigurationError(message)
    return PortableFiles(Path(options.location.get_secret_value()))


def _files(location: Path) -> dict[str, Path]:
    if location.is_dir():
        found = {
            path.name: path
            for path in sorted(location.iterdir())
            if path.name.endswith(_SUFFIXES)
        }
        if not found:
            raise SourceError(f"{location} has no file *{' or *'.join(_SUFFIXES)}")
        return found
    if not location.is_file():
        raise SourceError(f"{location} is no file or folder")
    return {location.name: location}


def _document(line: Line, path: Path) -> Document:
    tenant, entries, refused = None, [], None
    dropped: Sequence[Dropped] = ()
    try:
        tenant, entry = _parsed(line)
        if isinstance(entry, End):
            dropped = _ended(entry, line, path)
        else:
            entries.append(entry)
    except _NoJsonError:
        if not line.is_ended:
            message = f"{path} is truncated: line {line.number} has no end"
            raise SourceError(message) from None
        refused = f"line {line.number} is no JSON object"
    except ConversionError as error:
        refused = f"line {line.number} {error}"
    except ValidationError as error:
        refused = f"line {line.number}: {reason_of(error)}"
    return Document(
        id=f"line {line.number}",
        position=line.position,
        tenant=tenant,
        entries=entries,
        dropped=dropped,
        refused=refused,
    )


def _ended(end: End, line: Line, path: Path) -> Sequence[Dropped]:
    """Check that the export is whole, and list what it lacks."""
    if end.lines != line.number - 1:
        message = (
            f"{path} is not whole: {end.lines} lines were exported, and "
            f"{line.number - 1} precede the last one"
        )
        raise SourceError(message)
    return [Dropped(field=one.table, reason=one.reason) for one in end.not_exported]


class _NoJsonError(Exception):
    """A line has no JSON object."""


def _parsed(line: Line) -> tuple[str | None, AnyEntry | End]:
    try:
        found = from_json(line.text, allow_inf_nan=False)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _NoJsonError
    if _NUL in line.text:
        plain_json(found)
    if found.get("kind") == "end":
        return None, End.model_validate_json(line.text)
    tenant = found.pop("tenant", None)
    if tenant is not None and not isinstance(tenant, str):
        message = "has a tenant that is no text"
        raise ConversionError(message)
    # Again as JSON, because octets are base64 only there.
    return tenant, ENTRY.validate_json(to_json(found))
