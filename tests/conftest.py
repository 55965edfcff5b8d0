"""Fixtures: a PostgreSQL server, a template migrated by yoyo, a copy for each test."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import yoyo.backends.base
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries import Settings, Store, migrate
from authority_queries.codegen import throwaway
from authority_queries.codegen.template_key import template_key
from authority_queries.codegen.throwaway import memory_folder, prepared_database
from authority_queries.resources import BOOKS, MIGRATIONS
from authority_queries.service import migration_books
from authority_queries.testing import Clock
from tests.figures import lines_of
from tests.hostile import BARE, make_hostile
from tests.stores import Logins, routed_async_store, routed_store
from tests.workers import is_worker

# Read here, because tests run without the machine's AUTHORITY_ variables.
DATABASE_URL = os.environ.get("AUTHORITY_DATABASE_URL")
PASSWORD = "swordfish"
_ROOM = 4 << 30
# The folders with long-running files, the longest first.
_FOLDERS_OF_LONG_FILES = [
    "model",
    "flows",
    "soak",
    "fuzz",
    "isolation",
    "schema",
    "operations",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--model-steps",
        type=int,
        help="random steps of tests/model (default: fixed steps)",
    )
    parser.addoption(
        "--compare-every-stop",
        action="store_true",
        help="compare catalogues after each stop of a migration, not one in each",
    )
    parser.addoption(
        "--form",
        choices=("async", "sync"),
        help="run tests/repositories in one form (default: in both)",
    )
    parser.addoption(
        "--only-server",
        action="store_true",
        help="leave out tests that another version need not repeat: tests without a "
        "server, and tests with the mark one_version",
    )
    parser.addoption(
        "--hostile",
        action="store_true",
        help="give logins hostile settings in tests/repositories and tests/flows",
    )
    parser.addoption(
        "--screenshots",
        action="store_true",
        help="write docs/images, in tests/browser",
    )


def pytest_xdist_auto_num_workers() -> int:
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "one_version: what the test shows does not depend on the server's version",
    )
    config.addinivalue_line(
        "markers", "linted: `make lint` shows the same on the embedded server"
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what the options say. Let workers begin with long files.

    A short file then ends the run.
    """
    left_out = [item for item in items if _is_left_out(config, item)]
    if left_out:
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=left_out)
    if is_worker(config):
        ranks = {name: rank for rank, name in enumerate(_FOLDERS_OF_LONG_FILES)}
        items.sort(key=lambda item: ranks.get(item.path.parent.name, len(ranks)))


def _is_left_out(config: pytest.Config, item: pytest.Item) -> bool:
    folder = item.path.parent.name
    needs_server = (
        folder in {"monitoring", "schema"}  # their tests start servers of their own
        or "server" in getattr(item, "fixturenames", ())
    )
    if config.option.only_server and (
        not needs_server or item.get_closest_marker("one_version")
    ):
        return True
    if DATABASE_URL is None and item.get_closest_marker("linted"):
        return True
    if config.option.form is None or folder != "repositories":
        return False
    parameters = getattr(item, "callspec", None)
    form = parameters.params.get("store") if parameters else None
    return form is not None and form != config.option.form


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("AUTHORITY_"):
            monkeypatch.delenv(name)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server, with its superuser's login.

    `migrated` is a database that yoyo has migrated, or None.
    """

    host: str
    port: int
    user: str
    password: str | None
    options: str
    maintenance_dbname: str
    migrated: str | None = None

    @property
    def conninfo(self) -> str:
        """The connection string of a superuser."""
        return make_conninfo(
            self.options and f"options='{self.options}'",
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.maintenance_dbname,
        )

    @classmethod
    def of(cls, parameters: dict[str, str], migrated: str | None = None) -> "Server":
        return cls(
            host=parameters["host"],
            port=int(parameters.get("port", "5432")),
            user=parameters["user"],
            password=parameters.get("password"),
            options=parameters.get("options", ""),
            maintenance_dbname=parameters["dbname"],
            migrated=migrated,
        )


def server_folder() -> AbstractContextManager[Path]:
    """Return a folder that the embedded server's user may enter, in memory if it fits.

    It is not in pytest's folder, which root closes to other users. Each test's copy
    writes about 10 MB, which is slow on a disk.
    """
    return memory_folder(_ROOM)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server under test. The end of the run shows its exact version."""
    with _running_server() as server:
        with psycopg.connect(server.conninfo) as connection:
            [(version,)] = connection.execute("select version()").fetchall()
        lines_of(request.config, "server").append(version)
        yield server


@contextmanager
def _running_server() -> Iterator[Server]:
    """Yield the server of AUTHORITY_DATABASE_URL, or an embedded one.

    The migrated data folder of the embedded one is reused until the migrations change.
    """
    if DATABASE_URL:
        settings = Settings(database_url=DATABASE_URL)
        yield Server.of(settings.connection_parameters)
        return
    key = template_key([MIGRATIONS, BOOKS], [throwaway, migration_books])
    with prepared_database(_migrate, key=key, server=None, room=_ROOM) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as dba:
            # The data is temporary, so no commit waits for the disk.
            dba.execute("alter system set fsync = off")
            dba.execute("select pg_reload_conf()")
        parameters = {k: str(value) for k, value in conninfo_to_dict(conninfo).items()}
        yield Server.of({**parameters, "dbname": "postgres"}, parameters["dbname"])


def _migrate(conninfo: str) -> None:
    migrate(conninfo)


class Databases:
    """Creates and drops the tests' databases in one session of a superuser."""

    def __init__(self, dba: "psycopg.Connection[Any]", server: Server) -> None:
        self._dba = dba
        self._server = server
        self._numbers = count()
        self._over: list[Identifier] = []

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """Copy a database, and yield its connection string during the block.

        The strategy file_copy takes half the time of wal_log, and copies the cache file
        that makes sessions start faster. The copy is dropped after the next one is
        created, because a drop waits 0.1 s for sessions that are just ending.
        """
        name = f"authority_test_{os.getpid()}_{next(self._numbers)}"
        create = SQL("create database {} template {} strategy file_copy")
        self._dba.execute(create.format(Identifier(name), Identifier(template)))
        self.drop_over()
        yield make_conninfo(self._server.conninfo, dbname=name)
        self._over.append(Identifier(name))

    def drop_over(self) -> None:
        """Drop the databases whose blocks have ended."""
        while self._over:
            drop = SQL("drop database {} with (force)").format(self._over.pop())
            self._dba.execute(drop)


@pytest.fixture(scope="session")
def all_databases(server: Server) -> Iterator[Databases]:
    with psycopg.connect(server.conninfo, autocommit=True) as dba:
        databases = Databases(dba, server)
        yield databases
        databases.drop_over()


@pytest.fixture(scope="session")
def template(all_databases: Databases, server: Server) -> Iterator[str]:
    """The name of a database that yoyo has migrated."""
    if server.migrated:
        yield _ready_to_copy(make_conninfo(server.conninfo, dbname=server.migrated))
        return
    with all_databases.copy_of("template0") as conninfo:
        migrate(conninfo)
        yield _ready_to_copy(conninfo)


@pytest.fixture(scope="session")
def empty(all_databases: Databases) -> Iterator[str]:
    """The name of a database without any schema."""
    with all_databases.copy_of("template0") as conninfo:
        yield _ready_to_copy(conninfo)


def _ready_to_copy(conninfo: str) -> str:
    """Let a session write the cache file for faster starts. Return the name."""
    with psycopg.connect(conninfo) as connection:
        return connection.info.dbname


@pytest.fixture
def _cloned(
    all_databases: Databases, template: str
) -> Iterator["psycopg.Connection[Any]"]:
    with (
        all_databases.copy_of(template) as conninfo,
        psycopg.connect(conninfo) as connection,
    ):
        yield connection


@pytest.fixture
def _blank(all_databases: Databases, empty: str) -> Iterator["psycopg.Connection[Any]"]:
    with (
        all_databases.copy_of(empty) as conninfo,
        psycopg.connect(conninfo) as connection,
    ):
        yield connection


def conninfo_of(connection: "psycopg.Connection[Any]") -> str:
    """The connection string of a database, password included."""
    password = connection.info.password
    return make_conninfo(
        connection.info.dsn, **({"password": password} if password else {})
    )


@pytest.fixture
def dba(_cloned: "psycopg.Connection[Any]") -> "psycopg.Connection[Any]":
    """A superuser in autocommit on the test's own migrated database."""
    _cloned.autocommit = True
    return _cloned


@pytest.fixture
def clock(dba: "psycopg.Connection[Any]") -> Clock:
    """The time of the test's own database."""
    return Clock(dba)


@pytest.fixture
def conninfo(dba: "psycopg.Connection[Any]") -> str:
    """The connection string of the test's own migrated database."""
    return conninfo_of(dba)


@pytest.fixture
def blank_conninfo(_blank: "psycopg.Connection[Any]") -> str:
    """The connection string of the test's own empty database."""
    return conninfo_of(_blank)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Restores SIGINT for this process and its children.

    A shell ignores SIGINT for a run in the background (`&`).
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def _yoyo_gives_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yoyo gives up its lock after one try instead of ten seconds."""
    time = SimpleNamespace(time=count(step=60).__next__, sleep=lambda _: None)
    monkeypatch.setattr(yoyo.backends.base, "time", time)


@pytest.fixture
def weak_role(server: Server, _blank: "psycopg.Connection[Any]") -> Iterator[str]:
    """A role without privileges, which a test chooses by the option `role`."""
    name = f"authority_weak_{os.getpid()}"
    _blank.autocommit = True
    _blank.execute(f"create role {name}".encode())
    try:
        yield name
    finally:
        _blank.execute(f"drop owned by {name}".encode())
        _blank.execute(f"drop role {name}".encode())


@pytest.fixture(scope="session")
def login_names(server: Server, template: object) -> Iterator[dict[str, str]]:
    """A login of this run for each role that the migrations create."""
    names = {
        role: f"authority_test_{role}_{os.getpid()}"
        for role in ("app", "maintenance", "reader")
    }
    with psycopg.connect(server.conninfo, autocommit=True) as dba:
        for role, name in names.items():
            dba.execute(
                f"create role {name} login password '{PASSWORD}' "
                f"in role authority_{role}".encode()
            )
        yield names
        for name in names.values():
            dba.execute(f"drop role {name}".encode())


@pytest.fixture
def logins(
    dba: "psycopg.Connection[Any]",
    conninfo: str,
    login_names: dict[str, str],
    request: pytest.FixtureRequest,
) -> Logins:
    """The logins' connection strings of the test's own migrated database."""
    bare = ""
    folder = request.path.parent.name
    if request.config.option.hostile and folder in {"repositories", "flows"}:
        make_hostile(dba, roles=login_names.values())
        bare = BARE
    strings = {
        role: make_conninfo(conninfo, user=name, password=PASSWORD)
        for role, name in login_names.items()
    }
    strings["maintenance"] = make_conninfo(strings["maintenance"], options=bare)
    return Logins(dba=conninfo, **strings, bare=bare)


@pytest.fixture
def both_roles(
    dba: "psycopg.Connection[Any]", conninfo: str, login_names: dict[str, str]
) -> Iterator[str]:
    """The connection string of a login that may act as a service and an operator."""
    name = f"authority_test_both_{os.getpid()}"
    dba.execute(
        f"create role {name} login password '{PASSWORD}' noinherit "
        f"in role authority_app, authority_maintenance".encode()
    )
    yield make_conninfo(conninfo, user=name, password=PASSWORD)
    dba.execute(f"drop role {name}".encode())


@pytest.fixture(params=["sync", "async"])
def store(request: pytest.FixtureRequest, logins: Logins) -> Iterator[Store]:
    """A store in autocommit. Each test runs with the synchronous and the async form."""
    opened = routed_store if request.param == "sync" else routed_async_store
    with opened(logins) as store:
        yield store


@pytest.fixture
def sync_store(logins: Logins) -> Iterator[Store]:
    """A store of the synchronous form, for tests that do not depend on the form."""
    with routed_store(logins) as store:
        yield store
