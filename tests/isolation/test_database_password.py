"""The password of AUTHORITY_DATABASE_URL is in no error, repr, log or report."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import ValidationError

from authority_queries import Settings, hash_password, migrate, mint_token
from authority_queries.cli import main
from authority_queries.cli.demo.sample_file import read_sample
from authority_queries.errors import ConfigurationError, UnavailableError
from authority_queries.service.migrations import yoyo_url
from tests.isolation.canary import Canary
from tests.isolation.secret_operations import random_text
from tests.isolation.services import SyncService, running
from tests.isolation.witness import Witness

ROOT = Path(__file__).parents[2]
TOKEN = re.compile(r"aq_[a-z]{2}_\w{22}_\w{43}_\w{6}")
PHC = re.compile(r"\$argon2id\$[^\s']*\$[A-Za-z0-9+/]{43}")


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def password() -> str:
    return random_text()


@pytest.fixture
def witness(dba: "psycopg.Connection[Any]") -> Witness:
    return Witness(dba)


def assert_hidden(witness: Witness, password: str) -> None:
    canaries = [Canary.of("password", password)]
    assert witness.leaks(canaries) == set()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:{}@127.0.0.1:1/x",
        "postgresql+psycopg://me:{}@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?user=me&password={}",
        "postgresql://me:{}@nowhere.invalid/x",
        "postgresql://me:{}@127.0.0.1:port/x",
        "postgresql://me:{}@127.0.0.1:1/x?sslmode=perhaps",
        "postgresql://me:{}@127.0.0.1:1/x?sslpassword={}",
    ],
)
def test_no_server_is_reached(
    service: SyncService, witness: Witness, password: str, url: str
) -> None:
    password = f"{password}/@: {password}"
    settings = Settings(
        database_url=url.replace("{}", quote(password, safe="")),
        connect_timeout=0.2,
        pool_timeout=0.2,
    )
    witness.note_result([settings, settings.database_url, settings.describe()])
    witness.note("repr", f"{settings} {settings.model_dump()} ")
    witness.note("repr", settings.model_dump_json())
    with witness.watching():
        with pytest.raises(UnavailableError) as caught, service.open(settings):
            pass
        witness.note_error(caught.value)
        with pytest.raises((UnavailableError, psycopg.Error)) as failed:
            migrate(make_conninfo("", **settings.connection_parameters))
        witness.note_error(failed.value)
    assert witness.texts["log"]
    assert_hidden(witness, password)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:pass@{}@127.0.0.1:1/x",
        "postgresql://me:pass/{}@127.0.0.1:1/x",
        "postgresql://me:{}@pass@127.0.0.1:1/x",
        "postgresql://me:{}/pass@127.0.0.1:1/x",
        "postgresql://me:/{}@127.0.0.1:1/x",
        "postgresql://me:pass@word/{}@127.0.0.1:1/x?sslmode=disable",
        "postgresql://me:{}%zz@127.0.0.1:1/x",
        "postgresql://me:pass/?{}@127.0.0.1:1/x",
        "postgresql://me:pass@?{}@127.0.0.1:1/x",
        "postgresql://me@127.0.0.1:1/x?passwort={}",
        "mysql://me:{}@127.0.0.1:1/x",
        "me:{}@127.0.0.1:1/x",
        "host=127.0.0.1 password={}",
    ],
)
def test_the_error_of_a_wrong_url_does_not_contain_its_password(
    witness: Witness, password: str, url: str
) -> None:
    with witness.watching(), pytest.raises(ConfigurationError) as caught:
        Settings(database_url=url.replace("{}", password))
    witness.note_error(caught.value)
    assert "database_url" in str(caught.value)
    assert_hidden(witness, password)


def test_the_error_of_a_url_that_is_not_text_does_not_contain_its_password(
    witness: Witness, password: str
) -> None:
    url: Any = [f"postgresql://me:{password}@127.0.0.1/x"]
    with pytest.raises(ConfigurationError, match=r"is \(hidden\)") as caught:
        Settings(database_url=url)
    witness.note_error(caught.value)
    assert_hidden(witness, password)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:a%40b%2Fc?d@127.0.0.1:1/x",
        "postgresql://127.0.0.1/x?user=me&password=a@b/c",
        "postgresql:///x?host=/run/postgresql&user=me@example.org",
        "postgresql://",
    ],
)
def test_an_unambiguous_url_is_accepted(url: str) -> None:
    assert Settings(database_url=url).describe()


def test_changed_settings_do_not_show_the_password(
    witness: Witness, password: str
) -> None:
    url: Any = f"postgresql://me:{password}@127.0.0.1/x"
    settings = Settings(database_url="postgresql://me@127.0.0.1/x")
    with pytest.raises(ValidationError) as caught:
        settings.database_url = url  # type: ignore[misc] # on purpose
    witness.note_error(caught.value)
    assert_hidden(witness, password)


@pytest.fixture
def superuser(
    dba: "psycopg.Connection[Any]", conninfo: str, password: str
) -> Iterator[str]:
    """Return a superuser's URL with this password."""
    name = f"authority_canary_{os.getpid()}"
    # A copy of a database does not have the privileges of its template.
    dba.execute(f"revoke connect on database {dba.info.dbname} from public".encode())
    dba.execute(f"create role {name} superuser login password '{password}'".encode())
    yield yoyo_url(make_conninfo(conninfo, user=name, password=password))
    dba.execute(f"drop owned by {name}".encode())
    dba.execute(f"drop role {name}".encode())


def test_commands_print_no_password_and_no_token(
    superuser: str,
    witness: Witness,
    password: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert password in superuser
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", superuser)
    with witness.watching():
        codes = [main([command]) for command in ("migrate", "doctor", "demo")]
    told = capfd.readouterr()
    # On a shared server the tests of other workers change roles, which doctor finds.
    found = re.search(r"^differences +roles +authority check$", told.out, re.MULTILINE)
    assert codes == [0, 1 if found else 0, 0], told.out
    assert "Rotate a client's secret" in told.out
    everything = told.out + told.err + b"\n".join(witness.texts["log"]).decode()
    witness.note("report", everything)
    assert_hidden(witness, password)
    assert TOKEN.findall(everything) == []
    for sample in sorted((ROOT / "examples").glob("*.toml")):
        passwords = {user.password for user in read_sample(sample).users}
        assert not [each for each in passwords if each and each in everything]


def test_psql_gets_no_secret_as_an_argument(
    tmp_path: Path,
    password: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    url = f"postgresql://me:{password}@127.0.0.1/x"
    for more, code in (("", 0), (f"?sslpassword={password}", 2)):
        monkeypatch.setenv("AUTHORITY_DATABASE_URL", url + more)
        assert main(["psql", "-l"]) == code
    told = capfd.readouterr()
    assert "dbname=x host=127.0.0.1 -l" in told.out
    assert "sslpassword" in told.err
    assert password not in told.out + told.err


def test_generated_files_contain_no_token_and_no_hash() -> None:
    files = [
        ROOT / "queries" / "plans.txt",
        ROOT / "schema" / "snapshot.sql",
        ROOT / "benchmarks" / "wrapper.txt",
        *(ROOT / "authority_queries" / "queries").glob("*.py"),
    ]
    assert len(files) > 10
    for path in files:
        text = path.read_text()
        assert TOKEN.findall(text) + PHC.findall(text) == [], path.name


def test_a_token_and_a_hash_are_distinguished_from_other_text() -> None:
    assert TOKEN.findall(f"… {mint_token('refresh', uuid4()).token} …")
    assert PHC.findall(f"'{hash_password('swordfish')}'")
