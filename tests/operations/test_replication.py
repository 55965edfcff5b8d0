"""An upgrade by logical replication, with the commands of docs/replicas.md."""

import os
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Authority, Maintenance, Settings, migrate
from authority_queries.cli import main
from authority_queries.errors import AuthorityError
from authority_queries.secrets import TokenString
from authority_queries.service.embedded.account import server_account
from authority_queries.service.embedded.programs import programs_for
from authority_queries.service.migrations import yoyo_url
from tests.cluster import Cluster, new_cluster
from tests.conftest import server_folder
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.isolation.tenant_life import live
from tests.isolation.tenant_rows import fill_tenants
from tests.operations.backups import DEBIANS_15

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "replicas.md"
WRITERS: Final = 2
EMPTY: Final = {"authority_yoyo.yoyo_lock"}
CALLS: Final = {"write", "verify"}
PATIENCE: Final = 30
_LOGIN: Final = """
create role auth_service login in role authority_app;
grant connect on database authority to auth_service;
"""
# fill_tenants invents seals, and takes the codes of the tenants of the demo.
_MEND: Final = """
delete from authority.audit_chains;
update authority.audit_events set number = null, seal = null;
update authority.tenants set code = 'filled-' || code;
"""


@dataclass
class Move:
    """The old and the new server, and the address at which services find one."""

    old: Cluster
    new: Cluster
    address: Path
    tenant_id: UUID
    fresh: UUID

    def conninfo(self, cluster: Cluster) -> str:
        return make_conninfo(cluster.conninfo, dbname="authority")

    def settings(self) -> Settings:
        service = make_conninfo(
            self.conninfo(self.old), host=str(self.address), user="auth_service"
        )
        return Settings(database_url=yoyo_url(service), pool_max_size=WRITERS)

    def run(self, heading: str, number: int = 0) -> None:
        """Execute a block of the page, in psql or in bash."""
        language, text = blocks_of(heading)[number]
        old, new = (self.conninfo(each) for each in (self.old, self.new))
        if language == "sql":
            self.execute(new if "On the new server" in text else old, text)
            return
        programs = self.old.programs
        subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", text],
            check=True,
            timeout=PATIENCE,
            env={
                "PATH": f"{programs}:{os.environ['PATH']}",
                "LC_ALL": "C.UTF-8",
                "OLD": old,
                "NEW": new,
            },
        )

    def execute(self, conninfo: str, text: str) -> None:
        """Execute each statement in a transaction of its own, as psql does."""
        host = psycopg.conninfo.conninfo_to_dict(self.old.conninfo)["host"]
        text = text.replace("old.example", str(host))
        with psycopg.connect(conninfo, autocommit=True) as dba:
            for statement in re.sub("^--.*", "", text, flags=re.M).split(";\n"):
                if statement.strip():
                    dba.execute(statement.encode())

    def version(self, cluster: Cluster) -> int:
        with psycopg.connect(cluster.conninfo) as dba:
            return dba.info.server_version

    def ask(self, cluster: Cluster, query: str) -> list[Any]:
        with psycopg.connect(
            self.conninfo(cluster), autocommit=True, options="-c timezone=UTC"
        ) as dba:
            return dba.execute(query.encode()).fetchall()

    def digests(self, cluster: Cluster) -> dict[str, str]:
        """Return the number of rows of each table, and a digest of them."""
        printed = subprocess.run(
            [
                cluster.programs / "psql",
                *("-X", "-q", "-d", self.conninfo(cluster)),
                *("-f", str(ROOT / "schema" / "digests.sql")),
            ],
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout
        return dict(line.split("|", 1) for line in printed.splitlines())

    def point_at(self, cluster: Cluster | None) -> None:
        """Let services reach this server, or none."""
        self.address.unlink(missing_ok=True)
        if cluster is not None:
            self.address.symlink_to(
                str(psycopg.conninfo.conninfo_to_dict(cluster.conninfo)["host"])
            )


def blocks_of(heading: str) -> list[tuple[str, str]]:
    """Return language and text of the blocks below a heading of the page."""
    section = PAGE.read_text().split(f"### {heading}\n")[1].partition("\n### ")[0]
    return re.findall(r"^```(sql|sh)\n(.*?)^```", section, re.M | re.S)


@pytest.fixture
def move() -> Iterator[Move]:
    newest = programs_for(server_account())
    oldest = DEBIANS_15 if DEBIANS_15.exists() else newest
    with (
        server_folder() as folder,
        new_cluster(folder, oldest, name="old") as old,
        new_cluster(folder, newest, name="new") as new,
    ):
        old.start("-c", "fsync=off", "-c", "wal_level=logical")
        new.start("-c", "fsync=off")
        with psycopg.connect(old.conninfo, autocommit=True) as dba:
            dba.execute("create database authority")
        conninfo = make_conninfo(old.conninfo, dbname="authority")
        migrate(conninfo)
        with psycopg.connect(conninfo) as dba:
            dba.execute(_LOGIN.encode())
            tenant_id = fill_tenants(dba).own
            dba.execute(_MEND.encode())
        operator = Settings(database_url=yoyo_url(conninfo))
        with Maintenance.open(operator) as maintenance, maintenance.store() as store:
            fresh = make_tenant(store).id
            maintenance.seal_audit()
        moved = Move(old, new, folder / "address", tenant_id, fresh)
        moved.point_at(old)
        yield moved


@dataclass
class Traffic:
    """What services have done during the move."""

    seen: "Counter[str]" = field(default_factory=Counter)
    written: set[UUID] = field(default_factory=set)
    longest: float = 0


@contextmanager
def traffic(move: Move, token: TokenString) -> Iterator[Traffic]:
    """Write and verify in threads during the block."""
    traffic, stop = Traffic(), threading.Event()
    with Authority.open(move.settings()) as authority:

        def write() -> None:
            with authority.tenant(move.tenant_id) as store:
                user = make_user(store, move.tenant_id)
            traffic.written.add(user.id)

        def verify() -> None:
            assert authority.verify_token(token.token) is not None

        def repeat() -> None:
            while not stop.is_set():
                for call in (write, verify):
                    begun = monotonic()
                    try:
                        call()
                    except (psycopg.Error, AuthorityError) as error:
                        traffic.seen[type(error).__name__] += 1
                    else:
                        traffic.seen[call.__name__] += 1
                    traffic.longest = max(traffic.longest, monotonic() - begun)
                sleep(0.01)

        threads = [threading.Thread(target=repeat) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield traffic
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def refuse_what_would_copy_too_little(move: Move) -> None:
    """Show that the page's options are needed: without them nothing is copied."""
    create = blocks_of("2. Copy and follow the rows")[0][1]
    role = "alter role authority_replication {}bypassrls"
    wrong = [("", create.replace("run_as_owner = true, ", "")), ("no", create)]
    for prefix, statement in wrong:
        move.execute(move.conninfo(move.old), role.format(prefix))
        move.execute(move.conninfo(move.new), statement)
        end = monotonic() + PATIENCE
        while move.ask(move.new, "select subenabled from pg_subscription")[0][0]:
            assert monotonic() < end, "the subscription has no error"
            sleep(0.05)
        assert move.ask(move.new, "select count(*) from authority.users") == [(0,)]
        move.execute(move.conninfo(move.new), "drop subscription authority_upgrade")
    move.execute(move.conninfo(move.old), role.format(""))


def commands(move: Move, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(move.conninfo(move.new)))
    for name in names:
        assert main(name.split()[1:]) == 0, name


def test_an_upgrade_loses_nothing_and_stops_writes_for_a_moment(
    move: Move, monkeypatch: pytest.MonkeyPatch, figures: list[str]
) -> None:
    with (
        Authority.open(move.settings()) as authority,
        authority.tenant(move.tenant_id) as store,
    ):
        minted, _ = make_token(store, make_client(store, move.tenant_id))
    move.run("1. Copy the schema", 0)
    move.run("1. Copy the schema", 1)
    commands(move, monkeypatch, "authority check")
    refuse_what_would_copy_too_little(move)
    with traffic(move, minted) as done:
        move.run("2. Copy and follow the rows", 0)
        move.run("2. Copy and follow the rows", 1)
        with (
            Authority.open(move.settings()) as authority,
            authority.tenant(move.fresh, autocommit=True) as store,
        ):
            live(store, move.fresh)  # updates and deletes rows of each table
        calls = done.seen.total()
        begun = monotonic()
        move.point_at(None)
        move.run("3. Switch", 0)
        move.run("3. Switch", 1)
        seconds = monotonic() - begun
        before, after = move.digests(move.old), move.digests(move.new)
        move.point_at(move.new)
        end = monotonic() + PATIENCE
        at_switch = len(done.written)
        while len(done.written) < at_switch + 10:
            assert monotonic() < end, "no write reaches the new server"
            sleep(0.01)
    assert before == after
    assert {name for name, digest in after.items() if digest.startswith("0|")} == EMPTY
    assert calls > 0
    users = {user for (user,) in move.ask(move.new, "select id from authority.users")}
    assert done.written <= users
    refused = sum(n for name, n in done.seen.items() if name not in CALLS)
    assert refused <= WRITERS  # a call that the switch interrupted
    figures.append(
        f"upgrade from {move.version(move.old) // 10000} to "
        f"{move.version(move.new) // 10000}: {len(after)} tables equal, writes stopped "
        f"for {seconds:.2f} s, {dict(done.seen)}, the longest call {done.longest:.2f} s"
    )
    names = blocks_of("4. Afterwards")[0][1].splitlines()
    commands(move, monkeypatch, *names, "authority demo", "authority check")
    move.run("4. Afterwards", 1)
