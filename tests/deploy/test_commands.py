"""The commands of examples/deploy run, on a server that asks for passwords."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries.codegen.throwaway import memory_folder
from tests.cluster import Cluster, new_cluster
from tests.conftest import PASSWORD
from tests.deploy.pipelines import JOBS, RELEASES, ROOT, Command, settings
from tests.schema.bare_server import BOOTSTRAP

PROGRAMS = Path(sys.executable).parent
_HBA = "local all postgres trust\nlocal all all scram-sha-256\n"
_LOGINS = {"migrator": "auth_deploy", "jobs": "auth_jobs"}


class Machine:
    """Runs command lines as a platform does, without the rest of the environment."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._folder = folder
        self._cluster = cluster
        self._socket = conninfo_to_dict(cluster.conninfo)["host"]
        self.database = "authority"
        for release in ("deployed", "release", "current", "0.2.0"):
            (folder / release).mkdir()
            (folder / release / "bin").symlink_to(PROGRAMS)

    def create(self, database: str) -> str:
        """Create a database for the migrator. Return a superuser's string for it."""
        with psycopg.connect(self._cluster.conninfo, autocommit=True) as dba:
            dba.execute(f"create database {database}".encode())
        conninfo = make_conninfo(self._cluster.conninfo, dbname=database)
        psql = [str(self._cluster.programs / "psql"), "-X", "-q", "-d", conninfo]
        prepare = ["-v", "migrator=auth_deploy", "-f", str(BOOTSTRAP)]
        subprocess.run([*psql, *prepare], check=True)
        return conninfo

    def run(self, command: Command, platform: str) -> "tuple[int, str]":
        of = self._systemd if platform == "systemd" else self._with_secret
        line = command.line.replace("/opt/authority-queries", str(self._folder))
        done = subprocess.run(
            ["/bin/bash", "-euc", line.replace("%i", "0.2.0")],
            cwd=self._folder,
            env={"PATH": f"{PROGRAMS}:{os.environ['PATH']}", **of(command.login)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _with_secret(self, login: str) -> dict[str, str]:
        return {"AUTHORITY_DATABASE_URL": self._url(f"{_LOGINS[login]}:{PASSWORD}")}

    def _systemd(self, login: str) -> dict[str, str]:
        """Return the variables of a unit, whose credentials are files."""
        passwords = self._folder / f"{login}-credentials" / "pgpass"
        if not passwords.exists():
            passwords.parent.mkdir()
            passwords.touch(mode=0o600)
            passwords.write_text(f"*:*:*:{_LOGINS[login]}:{PASSWORD}\n")
            passwords.chmod(0o400)
        unit = settings("authority-queries-prune.service")
        return {
            "AUTHORITY_DATABASE_URL": self._url(_LOGINS[login]),
            **dict(
                line.replace("%d", str(passwords.parent)).split("=", 1)
                for line in unit["Environment"]
            ),
        }

    def _url(self, user: str) -> str:
        return (
            f"postgresql+psycopg://{user}@/{self.database}"
            f"?host={self._socket}&schema=authority_yoyo"
        )


def sql_of_page() -> str:
    """Return what docs/pipelines.md lets a DBA execute after the first release."""
    page = (ROOT / "docs" / "pipelines.md").read_text()
    statements: str
    [statements] = re.findall(r"^```sql\n(.*?)^```", page, re.M | re.S)
    assert statements.count("…") == 1
    return statements.replace("…", PASSWORD)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose database has its first release, as GitHub's workflow makes it."""
    with memory_folder(1 << 30) as folder, new_cluster(folder) as cluster:
        hba = folder / "hba.conf"
        hba.write_text(_HBA)
        hba.chmod(0o644)
        cluster.start("-F", "-c", f"hba_file={hba}")
        with psycopg.connect(cluster.conninfo, autocommit=True) as dba:
            dba.execute(f"create role auth_deploy login password '{PASSWORD}'".encode())
        machine = Machine(tmp_path_factory.mktemp("machine"), cluster)
        database = machine.create("authority")
        _, *first = RELEASES["GitHub Actions"]
        assert [machine.run(command, "GitHub Actions")[0] for command in first] == [
            0,
            0,
        ]
        with psycopg.connect(database, autocommit=True) as dba:
            dba.execute(sql_of_page().encode())
        yield machine


@pytest.mark.parametrize("platform", RELEASES)
def test_a_release_runs(machine: Machine, platform: str) -> None:
    said = [machine.run(command, platform) for command in RELEASES[platform]]
    assert [code for code, _ in said] == [0, 0, 0], said
    assert said[0] == (0, "as the release\n")
    assert said[1][1].startswith("0 applied on ")


@pytest.mark.parametrize("platform", JOBS)
def test_the_jobs_of_an_operator_run(machine: Machine, platform: str) -> None:
    said = [machine.run(command, platform) for command in JOBS[platform]]
    assert {code for code, _ in said} == {0}, said


def test_a_command_without_its_password_fails(machine: Machine) -> None:
    check = RELEASES["systemd"][0]
    without = Command(f"PGPASSFILE=/nonexistent {check.line}", "deployed", "jobs")
    code, said = machine.run(without, "systemd")
    assert code == 3
    assert "no password supplied" in said


def test_a_migration_at_its_time_limit_leaves_no_lock(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = machine.create("blocked")
    monkeypatch.setattr(machine, "database", "blocked")
    _, migrate, check = RELEASES["GitHub Actions"]
    line = migrate.line.replace(" 1200 ", " 3 ")
    assert line != migrate.line
    with psycopg.connect(database) as other:
        other.execute("create schema authority")  # the first migration waits for it
        code, said = machine.run(Command(line, "release", "migrator"), "GitHub Actions")
        other.rollback()
    assert code == 124, said
    with psycopg.connect(database) as dba:
        locks = "select count(*) from authority_yoyo.yoyo_lock"
        assert dba.execute(locks).fetchall() == [(0,)]
    assert machine.run(migrate, "GitHub Actions")[0] == 0
    assert machine.run(check, "GitHub Actions") == (0, "as the release\n")
