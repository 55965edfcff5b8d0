"""A server with MongoDB's protocol, and the demo's tenants as documents in it.

The server is SecantusDB, whose license is GPL-2.0-only: its program runs in a process
of its own, and nothing of it is imported. AUTHORITY_MONGODB_URL names a MongoDB server
on which tests make and drop databases of their own.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pymongo import MongoClient

Documents: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]

# Read here, because tests run without the machine's AUTHORITY_ variables.
URL: Final = os.environ.get("AUTHORITY_MONGODB_URL")
PROGRAM: Final = Path(sys.executable).with_name("secantusd-py")
_STORAGE: Final = ("--storage-path", ":memory:", "--log-level", "INFO")
_LISTENING: Final = re.compile(r"listening on (127\.0\.0\.1:\d+)")
_PATIENCE: Final = 60  # seconds

# The values of a fixture's parameter: each test runs once on each server.
SERVERS: Final = (
    pytest.param(
        "secantusdb",
        marks=pytest.mark.skipif(
            not PROGRAM.exists(),
            reason="not run: SecantusDB has no wheel for this Python",
        ),
    ),
    pytest.param(
        "mongodb",
        marks=pytest.mark.skipif(
            URL is None, reason="not run: AUTHORITY_MONGODB_URL names no MongoDB server"
        ),
    ),
)


@contextmanager
def mongodb_server(kind: str = "secantusdb") -> Iterator[str]:
    """Start SecantusDB on a free port, or use the named server. Yields its URL."""
    if kind == "mongodb":
        assert URL is not None
        yield URL
        return
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        # It reads files of settings in the current folder and in the home.
        process = subprocess.Popen(
            [PROGRAM, "--host", "127.0.0.1", "--port", "0", *_STORAGE],
            cwd=folder,
            env={**os.environ, "HOME": folder, "TMPDIR": folder},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield f"mongodb://{_address(process, Path(log.name))}/"
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE)


@contextmanager
def mongodb_database(server: str, documents: Documents) -> Iterator[str]:
    """Make a database with these documents. Yields its URL, and drops it afterwards."""
    name = f"authority_{uuid4().hex}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    with MongoClient[dict[str, Any]](url) as client:
        for collection, found in documents.items():
            if found:
                client[name][collection].insert_many(dict(one) for one in found)
        try:
            yield url
        finally:
            client.drop_database(name)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return where the server listens, as soon as it does."""
    end = monotonic() + _PATIENCE
    while process.poll() is None and monotonic() < end:
        if found := _LISTENING.search(log.read_text()):
            return found[1]
        sleep(0.02)
    message = f"SecantusDB does not listen: {log.read_text()}"
    raise RuntimeError(message)
