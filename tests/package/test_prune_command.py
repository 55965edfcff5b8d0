"""`authority prune` in a terminal and as a scheduled job."""

import os
import re
import signal
import subprocess
import sys
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries.cli import main
from authority_queries.service.migrations import yoyo_url
from authority_queries.service.retention import STEPS
from authority_queries.testing import Clock
from tests.prunable import DAY, World
from tests.stores import Logins, routed_store

Dba: TypeAlias = "psycopg.Connection[Any]"
Capture: TypeAlias = pytest.CaptureFixture[str]


@pytest.fixture
def world(logins: Logins, dba: Dba, monkeypatch: pytest.MonkeyPatch) -> World:
    """The database of the command's environment, with an operator's login."""
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(logins.maintenance))
    with routed_store(logins) as store:
        return World.make(store, dba)


def test_progress_goes_to_stderr_and_the_result_to_stdout(
    world: World, capsys: Capture
) -> None:
    world.insert("tokens", 25)
    assert main(["prune", "--batch-size", "10"]) == 0
    captured = capsys.readouterr()
    assert re.search(r"^tokens +25 +3 +\d+\.\d  done$", captured.out, re.M)
    assert "tokens: 25 rows, 3 batches, " in captured.err
    assert [line.split(":")[0] for line in captured.err.splitlines()] == [
        *(step for step in STEPS if step != "tokens"),
        "tokens",
    ]


def test_a_terminal_shows_the_current_step(
    world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.insert("tokens", 25)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["prune", "--batch-size", "10", "--only", "tokens"]) == 0
    lines = capsys.readouterr().err.split("\r\x1b[K")
    told = [re.sub(r"\d+\.\d s", "n s", line) for line in lines]
    assert told == [
        "",
        "tokens: 10 rows, 1 batches, n s",
        "tokens: 20 rows, 2 batches, n s",
        "tokens: 25 rows, 3 batches, n s, done\n",
    ]


def test_a_quiet_run_prints_only_unfinished_work(world: World, capsys: Capture) -> None:
    world.insert("tokens", 1)
    assert main(["prune", "--quiet"]) == 0
    assert world.count("tokens") == 0
    assert capsys.readouterr() == ("", "")
    world.insert("tokens", 1)
    assert main(["prune", "--quiet", "--time-limit", "0.000001"]) == 1
    captured = capsys.readouterr()
    assert re.search(r"^tokens +0 +0 +0\.0  more may be left$", captured.out, re.M)
    assert captured.err.startswith("authority: more may be left of create_partitions,")


def test_only_named_steps_run_with_the_given_retention(
    world: World, clock: Clock, capsys: Capture
) -> None:
    for step in ("tokens", "revocations", "authorizations"):
        world.insert(step, 1, -10 * DAY)
        world.insert(step, 1, -30 * DAY)
    arguments = ["--only", "revocations", "tokens", "--keep-expired", "20"]
    assert main(["prune", *arguments]) == 0
    told = capsys.readouterr().out
    assert re.findall(r"^\w+(?= +\d)", told, re.M) == ["tokens", "revocations"]
    assert world.count("tokens") == world.count("revocations") == 1
    assert world.count("authorizations") == 2
    clock.advance(130 * DAY)
    arguments = ["--months-ahead", "0", "--keep-attempts", "0.5"]
    assert main(["prune", *arguments]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^create_partitions +1 ", told, re.M)
    assert re.search(r"^drop_partitions +4 ", told, re.M)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "users"], "unknown step: users; allowed: create_partitions, "),
        (["--batch-size", "0"], "batch_size must be 1 to 100000"),
        (["--max-load", "0"], "max_load must be from 0.01 to 1"),
        (["--max-load", "nan"], "max_load must be from 0.01 to 1"),
        (
            ["--time-limit", "0"],
            "--time-limit must be more than 0 and at most 3155760000.0, not 0.0",
        ),
        (["--time-limit", "nan"], "--time-limit must be more than 0 and "),
        (["--keep-expired", "-1"], "--keep-expired must be 0 to 36525 days, not -1.0"),
        (
            ["--keep-attempts", "1e99"],
            "--keep-attempts must be 0 to 36525 days, not 1e+99",
        ),
        (
            ["--keep-usage", "36525.1"],
            "--keep-usage must be 0 to 36525 days, not 36525.1",
        ),
        (["--months-ahead", "-1"], "months_ahead must be 0 to 120"),
    ],
)
def test_wrong_use_is_refused_before_any_batch(
    world: World, capsys: Capture, arguments: list[str], said: str
) -> None:
    world.insert("tokens", 1)
    assert main(["prune", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"authority: {said}")
    assert world.count("tokens") == 1


@pytest.mark.parametrize("role", ["app", "reader"])
def test_a_login_without_the_role_prunes_nothing(
    world: World,
    logins: Logins,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
) -> None:
    world.insert("tokens", 1)
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(getattr(logins, role)))
    assert main(["prune"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert 'permission denied to set role "authority_maintenance"' in captured.err
    assert "; ask a DBA for `grant authority_maintenance to " in captured.err
    assert "swordfish" not in captured.err
    assert world.count("tokens") == 1


def test_the_next_run_completes_one_that_ran_out_of_time(
    world: World, capsys: Capture
) -> None:
    world.insert("tokens", 20_000)
    assert main(["prune", "--batch-size", "1", "--time-limit", "0.3"]) == 1
    captured = capsys.readouterr()
    found = re.search(
        r"^tokens +(\d+) +\1 +(0\.\d)  more may be left$", captured.out, re.M
    )
    assert found, captured.out
    left = world.count("tokens")
    assert 0 < left == 20_000 - int(found[1])
    assert captured.err.endswith("authority: more may be left of tokens\n")
    assert main(["prune"]) == 0
    assert re.search(rf"^tokens +{left} ", capsys.readouterr().out, re.M)
    assert world.count("tokens") == 0


def test_a_failed_step_is_reported_and_the_others_continue(
    world: World, conninfo: str, clock: Clock, capsys: Capture
) -> None:
    clock.advance(450 * DAY)
    world.insert("tokens", 5)
    with psycopg.connect(conninfo) as reader:
        reader.execute("lock table only authority.login_attempts in row share mode")
        assert main(["prune", "--months-ahead", "0"]) == 1
    captured = capsys.readouterr()
    assert re.search(r"^drop_partitions +0 +0 .* failed$", captured.out, re.M)
    assert re.search(r"^tokens +5 +1 .* done$", captured.out, re.M)
    assert re.search(
        r"^authority: drop_partitions: .*lock timeout.* \(LockNotAvailable\)$",
        captured.err,
        re.M,
    )
    assert main(["prune", "--months-ahead", "0"]) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_the_batch_with_a_report(
    world: World, number: signal.Signals
) -> None:
    world.insert("tokens", 20_000)
    command = subprocess.Popen(
        [sys.executable, "-m", "authority_queries", "prune", "--batch-size", "1"],
        env=os.environ.copy(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stderr is not None
    assert command.stderr.readline().startswith("create_partitions: ")
    command.send_signal(number)
    told, said = command.communicate(timeout=60)
    assert command.returncode == 128 + number, told + said
    assert "Traceback" not in said
    found = re.search(r"^tokens +(\d+) .* more may be left$", told, re.M)
    assert found, told
    assert world.count("tokens") == 20_000 - int(found[1])


def test_the_help_names_every_step(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["prune", "--help"])
    told = capsys.readouterr().out
    assert all(step in told for step in STEPS)
