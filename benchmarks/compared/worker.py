"""Runs a compared store in a process of its own, and measures it from outside."""

import importlib
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

_PROCESSES: Final = multiprocessing.get_context("spawn")
_BACKENDS: Final = """
select pid from pg_stat_activity where backend_type = 'client backend'
"""


_NOTHING: Final = "connect"


class Spent(NamedTuple):
    """Seconds: processor time of the client, of its server processes, by the clock."""

    client: float
    server: float
    clock: float

    @property
    def cpu(self) -> float:
        """The processor time of client and server."""
        return self.client + self.server


class Worker:
    """A compared store in its process."""

    least: Final = 1

    def __init__(self, store: str, pipe: Connection, dba: psycopg.Connection) -> None:
        self.store = store
        self._pipe = pipe
        self._dba = dba
        self._backends: set[int] = set()
        self.warm(_NOTHING, 0)

    def warm(self, call: str, count: int) -> None:
        """Make a call so many times, and note the server processes that it started."""
        before = self._running()
        self._ask(call, count)
        self._backends |= self._running() - before

    def run(self, call: str, count: int) -> Spent:
        """Make a call so many times, and return what one call took."""
        before = self._server_time()
        client, clock = self._ask(call, count)
        server = self._server_time() - before
        return Spent(client / count, server / count, clock / count)

    def _running(self) -> set[int]:
        return {pid for (pid,) in self._dba.execute(_BACKENDS).fetchall()}

    def _server_time(self) -> float:
        return sum(processor_time(pid) for pid in self._backends)

    def _ask(self, *request: object) -> Any:
        self._pipe.send(request)
        answer = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer


def processor_time(pid: int) -> float:
    """Return the processor seconds of a process on this Linux machine."""
    text = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e9


@contextmanager
def workers(
    stores: Sequence[tuple[str, str, Any]], dba: psycopg.Connection
) -> Iterator[list[Worker]]:
    """Start a process for each store: its module, its database, what it needs."""
    with ExitStack() as stack:
        yield [stack.enter_context(_worker(*each, dba)) for each in stores]


@contextmanager
def _worker(
    store: str, database: str, given: object, dba: psycopg.Connection
) -> Iterator[Worker]:
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(
        target=_work, args=(theirs, store, database, given), daemon=True
    )
    process.start()
    theirs.close()
    try:
        yield Worker(store, ours, dba)
    finally:
        ours.close()
        process.join()


def prepared(store: str, database: str, tokens: int) -> Any:
    """Create and fill the store's database in a process of its own."""
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(
        target=_prepare, args=(theirs, store, database, tokens), daemon=True
    )
    process.start()
    theirs.close()
    answer = ours.recv()
    process.join()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _module(store: str) -> Any:
    return importlib.import_module(f"benchmarks.compared.{store}")


def _prepare(pipe: Connection, store: str, database: str, tokens: int) -> None:
    try:
        pipe.send(_module(store).prepare(database, tokens))
    except Exception as error:
        pipe.send(RuntimeError(f"{store}: {error!r}"))
        raise


def _work(pipe: Connection, store: str, database: str, given: object) -> None:
    try:
        with _module(store).connected(database, given) as runs:
            while True:
                call, count = pipe.recv()
                if call == _NOTHING:
                    pipe.send((0, 0))
                    continue
                client, clock = time.process_time(), time.perf_counter()
                runs[call](count)
                spent = time.process_time() - client
                pipe.send((spent, time.perf_counter() - clock))
    except EOFError:
        return
    except Exception as error:
        pipe.send(RuntimeError(f"{store}: {error!r}"))
        raise
