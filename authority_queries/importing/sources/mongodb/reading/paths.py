"""Chooses how to read the files of a location."""

from pathlib import Path
from typing import Final

from authority_queries.errors import SourceError
from authority_queries.importing.sources.mongodb.reading.dumps import (
    DumpReader,
    find_database,
    is_dump,
)
from authority_queries.importing.sources.mongodb.reading.exports import ExportReader
from authority_queries.importing.sources.mongodb.reading.files import opened
from authority_queries.importing.sources.mongodb.reading.values import (
    parse_representation,
)

_ARCHIVE: Final = b"\x6d\xe2\x99\x81"  # the magic number of `mongodump --archive`
_GZIP: Final = b"\x1f\x8b"


def open_path(location: str) -> DumpReader | ExportReader:
    """Open the files of a path with options. Raises ConfigurationError, SourceError."""
    name, _, options = location.partition("?")
    path, legacy = Path(name), parse_representation(options)
    if path.is_dir():
        folder = find_database(path)
        return DumpReader(folder, legacy) if folder else ExportReader(path, legacy)
    if not path.is_file():
        message = f"{path} is no folder or file"
        raise SourceError(message)
    if is_dump(path):
        return DumpReader(path, legacy)
    _refuse_archive(path)
    return ExportReader(path, legacy)


def _refuse_archive(path: Path) -> None:
    with opened(path, None) as file:
        head = file.read(len(_ARCHIVE))
    # mongodump compresses an archive whatever the file's name is.
    if head == _ARCHIVE or (head.startswith(_GZIP) and path.suffix != ".gz"):
        message = (
            f"{path} is an archive, which cannot be read: use mongodump without"
            " --archive, or load it by mongorestore and name the server"
        )
        raise SourceError(message)
