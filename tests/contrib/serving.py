"""Serves an application over HTTP, in a thread of the test's process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from authority_queries import Authority, Settings
from authority_queries.service.migrations import yoyo_url
from tests.conftest import Databases

_PATIENCE = 20


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def two_free_ports() -> int:
    """Return a free port whose successor is free too."""
    while True:
        port = free_port()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port + 1))
            return port


@contextmanager
def own_authority(
    databases: Databases, template: str
) -> Iterator[tuple[Authority, Settings]]:
    """Yield an authority on a database of its own.

    The sample of the example has the keys and the clients of one application.
    """
    with databases.copy_of(template) as conninfo:
        settings = Settings(backend="postgres", database_url=yoyo_url(conninfo))
        with Authority.open(settings) as authority:
            yield authority, settings


@contextmanager
def serving(app: ASGIApp, port: int) -> Iterator[str]:
    """Serve the application during the block. Yield its URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + _PATIENCE
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < end
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
