"""A server with MongoDB's protocol, and the demo's tenants as documents in it.

The server is SecantusDB, whose license is GPL-2.0-only: its program runs in a process
of its own, and nothing of it is imported. AUTHORITY_MONGODB_URL names a MongoDB server
on which tests make and drop databases of their own.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

Documents: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]

# Read here, because tests run without the machine's AUTHORITY_ variables.
URL: Final = os.environ.get("AUTHORITY_MONGODB_URL")
PROGRAM: Final = Path(sys.executable).with_name("secantusd-py")
_PATIENCE: Final = 60_000  # milliseconds

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
    with TemporaryDirectory() as folder:
        port = _free_port()
        command = [str(PROGRAM), "--host", "127.0.0.1", "--port", str(port)]
        # It reads files of settings in the current folder and in the home.
        process = subprocess.Popen(
            [*command, "--storage-path", ":memory:", "--log-level", "ERROR"],
            cwd=folder,
            env={**os.environ, "HOME": folder, "TMPDIR": folder},
            stdout=subprocess.DEVNULL,
        )
        try:
            url = f"mongodb://127.0.0.1:{port}/"
            _await(url)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE / 1000)


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(url: str) -> None:
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=_PATIENCE) as client:
        try:
            client.admin.command("ping")
        except PyMongoError as error:
            message = f"SecantusDB does not answer: {error}"
            raise RuntimeError(message) from error
