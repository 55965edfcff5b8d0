"""A server of the version under test that a test can kill."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries.service.embedded.account import Account, server_account
from authority_queries.service.embedded.programs import programs_for
from tests.conftest import DATABASE_URL

_PATIENCE: Final = 60


class Cluster:
    """The files of a server, and its processes while it runs.

    It listens only on a socket in its own folder. It has PostgreSQL's default settings,
    so acknowledged commits are on the disk.
    """

    def __init__(self, programs: Path, data: Path, account: Account) -> None:
        self.programs = programs
        self._data = data
        self._account = account
        self._postmaster: subprocess.Popen[bytes] | None = None

    @property
    def conninfo(self) -> str:
        """The connection string of a superuser."""
        return make_conninfo(host=str(self._data), user="postgres", dbname="postgres")

    def make(self) -> None:
        """Run initdb. Everybody who can reach the socket may log in."""
        self._data.mkdir(mode=0o700)
        os.chown(self._data, self._account.uid, self._account.gid)
        self._account.run(
            [self.programs / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8"],
            folder=self._data,
        )

    def start(self, *options: str) -> None:
        """Start the server, and wait until it admits connections.

        The postmaster is a child of this process, so that this process can reap it.
        """
        data = str(self._data)
        places = ["-D", data, "-k", data, "-c", "listen_addresses="]
        with (self._data.parent / "log").open("ab") as log:
            self._postmaster = subprocess.Popen(
                [self.programs / "postgres", *places, *options],
                stdout=log,
                stderr=log,
                cwd=self._data,
                **self._account.as_other_user(),
            )
        end = time.monotonic() + _PATIENCE
        while not self._lets_in():
            assert self._postmaster.poll() is None, "the server does not start"
            assert time.monotonic() < end, "the server does not come up"
            time.sleep(0.02)

    def standby(self) -> "Cluster":
        """Return a standby: a copy of the running server that follows it."""
        data = self._data.with_name("standby")
        data.mkdir(mode=0o700)
        os.chown(data, self._account.uid, self._account.gid)
        copy = ["pg_basebackup", "-d", self.conninfo, "-D", str(data)]
        subprocess.run(
            [self.programs / copy[0], *copy[1:], "-R", "-c", "fast"],
            check=True,
            cwd=data,
            stderr=subprocess.DEVNULL,  # it warns of the socket
            **self._account.as_other_user(),
        )
        for lock in data.glob(".s.PGSQL.*.lock"):
            lock.unlink()  # the other server's
        return Cluster(self.programs, data, self._account)

    def demote(self) -> None:
        """Let the next start make it a standby without a primary."""
        (self._data / "standby.signal").touch()

    def _lets_in(self) -> bool:
        try:
            psycopg.connect(self.conninfo).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """End every process of the server by SIGKILL, as if the machine had stopped."""
        assert self._postmaster is not None
        children = psutil.Process(self._postmaster.pid).children(recursive=True)
        self._postmaster.kill()
        for child in children:
            try:
                child.kill()
            except psutil.NoSuchProcess:  # it has noticed the postmaster's end
                continue
        self._postmaster.wait(timeout=_PATIENCE)
        while any(_runs(child) for child in children):
            time.sleep(0.01)
        self._postmaster = None

    def stop(self) -> None:
        """Stop the server at once, without a checkpoint, and free its shared memory."""
        if self._postmaster is None:
            return
        self._postmaster.send_signal(signal.SIGQUIT)
        try:
            self._postmaster.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._postmaster = None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def new_cluster(
    folder: Path, programs: Path | None = None, *, name: str = "data"
) -> Iterator[Cluster]:
    """Create a cluster in this folder, without starting it, and stop it at the end.

    Without `programs`, uses those of the server under test if they are on this machine,
    otherwise those of the embedded server.
    """
    account = server_account()
    programs = programs or _programs_under_test() or programs_for(account)
    cluster = Cluster(programs, folder / name, account)
    folder.chmod(0o711)
    cluster.make()
    try:
        yield cluster
    finally:
        cluster.stop()


def _programs_under_test() -> Path | None:
    if DATABASE_URL is None:
        return None
    with psycopg.connect(DATABASE_URL.replace("+psycopg", "", 1)) as connection:
        row = connection.execute(
            "select setting from pg_config where name = 'BINDIR'"
        ).fetchone()
    assert row is not None
    folder = Path(row[0])
    return folder if (folder / "initdb").exists() else None
