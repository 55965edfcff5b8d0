"""Serves a compared application in a process of its own, and reads processor times."""

import importlib
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

from benchmarks.compared.worker import processor_time
from benchmarks.served.held import Held, environment

# Not more than SQLAlchemy keeps connections.
_THREADS: Final = 4
_UVICORN: Final = ("--factory", "--no-access-log", "--log-level", "warning")
_GUNICORN: Final = (
    *("--workers", "1", "--worker-class", "gthread", "--threads", str(_THREADS)),
    *("--log-level", "warning"),
)
_PATIENCE: Final = 30.0
_BACKENDS: Final = """
select pid from pg_stat_activity
where datname = %s and backend_type = 'client backend'
"""


class Times(NamedTuple):
    """Processor seconds so far: of the server's processes, and of each backend."""

    server: float
    backends: Mapping[int, float]

    def since(self, before: "Times") -> tuple[float, float]:
        """Return the seconds of the server and of the backends since a reading.

        Raises RuntimeError when a connection has ended, as its time is unknown.
        """
        if before.backends.keys() - self.backends.keys():
            message = "a server process of PostgreSQL has ended: nothing to compare"
            raise RuntimeError(message)
        backends = sum(self.backends.values()) - sum(before.backends.values())
        return self.server - before.server, backends


class Served:
    """A running server of an application."""

    def __init__(
        self, pid: int, url: str, database: str, dba: psycopg.Connection
    ) -> None:
        self.url = url
        self._pid = pid
        self._database = database
        self._dba = dba

    def times(self) -> Times:
        """Return the processor times so far."""
        found = self._dba.execute(_BACKENDS, [self._database]).fetchall()
        return Times(
            sum(_time_of_threads(pid) for pid in _family(self._pid)),
            {pid: processor_time(pid) for (pid,) in found},
        )


def prepared(module: str, database: str, tokens: int, refresh: int) -> Held:
    """Create and fill the database of an application, in a process of its own."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        return pool.submit(_prepare, module, database, tokens, refresh).result()


def _prepare(module: str, database: str, tokens: int, refresh: int) -> Held:
    found = importlib.import_module(f"benchmarks.served.{module}")
    held: Held = found.prepare(database, tokens, refresh)
    return held


@contextmanager
def served(
    module: str, database: str, dba: psycopg.Connection, *, is_async: bool
) -> Iterator[Served]:
    """Serve an application by one process during the block."""
    port = _free_port()
    app = f"benchmarks.served.{module}:app"
    command = (
        ["uvicorn", app, "--host", "127.0.0.1", "--port", str(port), *_UVICORN]
        if is_async
        else ["gunicorn", f"{app}()", "--bind", f"127.0.0.1:{port}", *_GUNICORN]
    )
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with subprocess.Popen(  # noqa: S603 -- a server of requirements.txt
        [sys.executable, "-m", *command], env=environment(database, port)
    ) as process:
        try:
            _wait(process, app, port)
            yield Served(process.pid, f"http://127.0.0.1:{port}", str(name), dba)
        finally:
            process.terminate()


def _wait(process: "subprocess.Popen[bytes]", app: str, port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    message = f"{app} does not listen"
    raise RuntimeError(message)


def _family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [pid, *(each for child in children.split() for each in _family(int(child)))]


def _time_of_threads(pid: int) -> float:
    """Return the processor seconds of all threads of a process, ended ones too."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
