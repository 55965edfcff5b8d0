"""Servers of two versions, and the commands of docs/backups.md on them."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from time import sleep
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries.cli import main
from authority_queries.service.embedded.account import Account, server_account
from authority_queries.service.embedded.programs import programs_for
from authority_queries.service.migrations import migrate, yoyo_url
from tests.cluster import Cluster
from tests.stores import Logins

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "backups.md"
DEBIANS_15: Final = Path("/usr/lib/postgresql/15/bin")
_LOGINS: Final = """
create role auth_service login;
grant authority_app to auth_service;
create role auth_operator login;
grant authority_maintenance to auth_operator;
create role auth_report login;
grant authority_reader to auth_report;
grant connect on database authority to auth_service, auth_operator, auth_report;
"""


@dataclass(frozen=True)
class Place:
    """A running server, and a folder for the files of the page's commands."""

    cluster: Cluster
    data: Path
    account: Account
    files: Path

    def conninfo(self, login: str = "postgres", database: str = "authority") -> str:
        return make_conninfo(self.cluster.conninfo, user=login, dbname=database)

    def logins(self, database: str = "authority") -> Logins:
        return Logins(
            dba=self.conninfo(database=database),
            app=self.conninfo("auth_service", database),
            maintenance=self.conninfo("auth_operator", database),
            reader=self.conninfo("auth_report", database),
        )

    def shut_down(self) -> None:
        """Stop the server with a checkpoint, as pg_upgrade demands."""
        program = str(self.cluster.programs / "pg_ctl")
        stop = [program, "-m", "fast", "-D", str(self.data), "stop"]
        self.account.run(stop, folder=self.data)

    def run(self, heading: str, block: int = 0, login: str = "postgres") -> str:
        """Execute a block of commands below this heading, until one fails."""
        lines = commands_of(heading)[block]
        return "".join(self.execute(line, login) for line in lines)

    def execute(
        self, command: str, login: str = "postgres", database: str = "authority"
    ) -> str:
        """Execute a command in this place's folder, and return what it prints.

        The command `authority` runs in this process, as a superuser.
        """
        if command.startswith("authority "):
            return self._call(command, database)
        done = self.shell(command, login)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shell(
        self, command: str, login: str = "postgres", **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Let bash execute a command, also one that fails."""
        host = str(self.data)
        return bash(
            command,
            self.files,
            {**path_of(self.cluster.programs), "PGHOST": host, "PGUSER": login, **more},
        )

    def make_from(self, source: "Place", heading: str) -> None:
        """Make this server's data from another's by the first commands of a heading.

        They run as the system user of the server.
        """
        for each in (self.files, self.data.parent):
            os.chown(each, self.account.uid, self.account.gid)
        environment = {
            **path_of(self.cluster.programs),
            "PGHOST": str(source.data),
            "PGUSER": "postgres",
            "NEW_DATA": str(self.data),
            "OLD_DATA": str(source.data),
            "NEW_PROGRAMS": str(self.cluster.programs),
            "OLD_PROGRAMS": str(source.cluster.programs),
        }
        for command in commands_of(heading)[0]:
            done = bash(command, self.files, environment, self.account)
            assert done.returncode == 0, done.stdout + done.stderr
        for lock in self.data.glob(".s.PGSQL.*.lock"):
            lock.unlink()  # of the source's socket

    def recover(self, source: "Place", restore_point: str) -> None:
        """Start, replay the source's WAL up to this point, and wait for the end."""
        settings = {
            "restore_command": f"cp {source.data}/pg_wal/%f %p",
            "recovery_target_name": restore_point,
            "recovery_target_action": "promote",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        self.cluster.start("-F", *options)
        query = "select pg_is_in_recovery()"
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            while connection.execute(query).fetchone() != (False,):
                sleep(0.02)

    def _call(self, command: str, database: str) -> str:
        words = shlex.split(command)
        target = self.files / words[-1] if ">" in words else None
        words = words[: words.index(">")] if target else words
        url = yoyo_url(self.conninfo(database=database))
        printed = StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(printed),
        ):
            patch.setenv("AUTHORITY_DATABASE_URL", url)
            patch.chdir(self.files)
            code = main(words[1:])
        if target:
            target.write_text(printed.getvalue(), encoding="utf-8")
        assert code == 0, (command, printed.getvalue())
        return printed.getvalue()


def commands_of(heading: str) -> list[list[str]]:
    """Return the commands of each block of shell below a heading of the page."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(rf"^##+ {re.escape(heading)}$", text, flags=re.M)[1]
    section = re.split(r"^## ", section, maxsplit=1, flags=re.M)[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)
    return [block.replace("\\\n", "").splitlines() for block in blocks]


def path_of(programs: Path) -> dict[str, str]:
    return {"PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def bash(
    command: str,
    folder: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **(account.as_other_user() if account else {}),
    )


@contextmanager
def new_place(folder: Path, programs: Path, *, is_made: bool = True) -> Iterator[Place]:
    """Start a server with these programs in this folder, without any authority.

    Without `is_made` the caller makes the data folder, and starts the server.
    """
    account = server_account()
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    files = folder / "files"
    files.mkdir()
    (files / "schema").symlink_to(ROOT / "schema")
    cluster = Cluster(programs, folder / "data", account)
    if is_made:
        cluster.make()
        cluster.start("-F")
    try:
        yield Place(cluster, folder / "data", account, files)
    finally:
        cluster.stop()


def programs_18() -> Path:
    """Return the programs of the embedded server."""
    return programs_for(server_account())


def fill(place: Place) -> None:
    """Migrate as a login without attributes, and store the demo's tenants."""
    execute(place.conninfo(database="postgres"), "create role auth_deploy login")
    place.execute("createdb --template=template0 --encoding=UTF8 authority")
    place.execute(
        "psql -X -q --set=migrator=auth_deploy --file=schema/bootstrap.sql authority"
    )
    migrate(place.conninfo("auth_deploy"))
    execute(place.conninfo(), _LOGINS)
    execute(place.conninfo(), sql_of_page())
    place.execute("authority demo")
    place.execute("authority audit seal --quiet")


def execute(conninfo: str, statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statements.encode())


def sql_of_page() -> str:
    """Return the statements that create the login for backups."""
    text = PAGE.read_text(encoding="utf-8")
    return text.partition("```sql\n")[2].partition("```")[0]


def digests(place: Place) -> str:
    """Write the digests of all tables with the page's command, and return them."""
    place.run("Compare two databases")
    return (place.files / "digests.txt").read_text(encoding="utf-8")


def copy_files(source: Place, target: Place) -> None:
    """Copy a backup to the files of another place."""
    for name in ("roles.sql", "authority.dump", "heads.txt"):
        data = (source.files / name).read_bytes()
        (target.files / name).write_bytes(data)
