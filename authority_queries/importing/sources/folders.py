"""The files of a folder, as collections."""

from collections.abc import Sequence
from pathlib import Path

from authority_queries.errors import SourceError

_GZIP = ".gz"


def files_of(location: Path, endings: Sequence[str]) -> dict[str, Path]:
    """Return the files by their names without an ending. Raises SourceError.

    A location that is a file itself is returned, whatever its ending.
    """
    if location.is_file():
        return {_bare(location, endings): location}
    if not location.is_dir():
        raise SourceError(f"{location} is no file or folder")
    found: dict[str, Path] = {}
    for path in sorted(location.iterdir()):
        if path.is_file() and path.name.removesuffix(_GZIP).endswith(tuple(endings)):
            name = _bare(path, endings)
            if name in found:
                raise SourceError(f"{location} has two files {name}")
            found[name] = path
    if not found:
        raise SourceError(f"{location} has no file *{' or *'.join(endings)}")
    return found


def _bare(path: Path, endings: Sequence[str]) -> str:
    name = path.name.removesuffix(_GZIP)
    for ending in endings:
        name = name.removesuffix(ending)
    return name
