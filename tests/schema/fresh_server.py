"""A server of its own, for what the one of all tests cannot show.

Roles belong to a whole server, and there other tests have made the authority's.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries._backend import embedded_program, running_embedded_server
from authority_queries.codegen.throwaway import memory_folder
from tests.conftest import DATABASE_URL, server_folder

# A cluster belongs to a user that is not root.
_USER: Final = "postgres" if os.geteuid() == 0 else None


@contextmanager
def fresh_server() -> Iterator[tuple[str, str]]:
    """Give a superuser's connection string, and the path of the server's psql.

    It is of the version under test: the embedded server, or one that is started with
    the programs of the server of AUTHORITY_DATABASE_URL, if those are on this machine.
    """
    if DATABASE_URL is None:
        with (
            server_folder() as folder,
            running_embedded_server(folder / "data") as parameters,
        ):
            yield make_conninfo("", **parameters), embedded_program("psql")
        return
    programs = _programs(DATABASE_URL)
    with memory_folder(1 << 30) as folder, _cluster(programs, folder) as conninfo:
        yield conninfo, str(programs / "psql")


def _programs(url: str) -> Path:
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        row = connection.execute(
            "select setting from pg_config where name = 'BINDIR'"
        ).fetchone()
    assert row is not None
    folder = Path(row[0])
    if not (folder / "initdb").exists():
        pytest.skip(f"needs a server without the roles: no {folder}/initdb to make one")
    return folder


@contextmanager
def _cluster(programs: Path, folder: Path) -> Iterator[str]:
    folder.chmod(0o777)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "--pgdata", data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=_USER,
            cwd=folder,
        )

    run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-N")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -F"
    run("pg_ctl", "start", "-w", "-o", options, "-l", str(folder / "log"))
    try:
        yield make_conninfo(host=str(folder), user="postgres", dbname="postgres")
    finally:
        run("pg_ctl", "stop", "-w", "-m", "immediate")
