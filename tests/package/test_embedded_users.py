"""Who uses the embedded server, and when it stops."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries._embedded import running_embedded_server
from tests.conftest import server_folder

# Says that it uses the server, and does so until its input ends.
_USER = """
import sys
from pathlib import Path
from authority_queries._embedded import running_embedded_server
with running_embedded_server(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A folder whose server was made, and is stopped."""
    with server_folder() as folder:
        with running_embedded_server(folder / "data"):
            pass
        yield folder / "data"


def user(data_dir: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _USER, data_dir],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


def is_served(data_dir: Path) -> bool:
    return (data_dir / "postmaster.pid").exists()


def test_the_last_user_stops_the_server_and_a_killed_one_is_not_waited_for(
    data_dir: Path,
) -> None:
    first, second, third = user(data_dir), user(data_dir), user(data_dir)
    first.communicate()
    assert is_served(data_dir)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    assert is_served(data_dir)
    third.communicate()
    assert not is_served(data_dir)


def test_what_a_killed_user_leaves_running_is_used_and_stopped_by_the_next(
    data_dir: Path,
) -> None:
    killed = user(data_dir)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert is_served(data_dir)
    before = (data_dir / "postmaster.pid").read_text()
    with running_embedded_server(data_dir) as parameters:
        assert (data_dir / "postmaster.pid").read_text() == before
        psycopg.connect(make_conninfo("", **parameters)).close()
    assert not is_served(data_dir)


def test_users_that_come_and_go_at_once_find_it_running(data_dir: Path) -> None:
    script = _USER.replace("    sys.stdin.read()\n", "")
    users = [
        subprocess.Popen(
            [sys.executable, "-c", script * 3, data_dir], stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    assert [each.communicate()[0] for each in users] == [b"in\n" * 3] * 3
    assert [each.returncode for each in users] == [0] * 3
    assert not is_served(data_dir)


def test_a_forked_child_that_ends_stops_nothing(data_dir: Path) -> None:
    script = _USER.replace(
        "    sys.stdin.read()\n",
        "    import os\n"
        "    if (child := os.fork()) == 0:\n"
        "        sys.exit()\n"
        "    os.waitpid(child, 0)\n"
        "    print((Path(sys.argv[1]) / 'postmaster.pid').exists(), flush=True)\n",
    )
    command = [sys.executable, "-c", script, str(data_dir)]
    assert subprocess.check_output(command, text=True) == "in\nTrue\n"
    assert not is_served(data_dir)


def test_a_folder_of_any_name_is_served(data_dir: Path) -> None:
    for name in ("with a 'space'", "x" * 100, "a,b"):
        named = data_dir.rename(data_dir.with_name(name))
        try:
            with running_embedded_server(named) as parameters:
                socket_folder = Path(parameters["host"])
                status = socket_folder.stat()
                assert status.st_mode & 0o777 == 0o700
                assert status.st_uid == named.stat().st_uid
                with psycopg.connect(make_conninfo("", **parameters)) as connection:
                    shown = connection.execute("show listen_addresses").fetchone()
            assert shown == ("",)
            assert socket_folder.exists() == (socket_folder == named)
        finally:
            named.rename(data_dir)


def test_the_server_knows_nothing_of_the_callers_environment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "swordfish")
    monkeypatch.setenv("PGPORT", "1")
    with running_embedded_server(data_dir) as parameters:
        pid = (data_dir / "postmaster.pid").read_text().split()[0]
        known = psutil.Process(int(pid)).environ()
        psycopg.connect(make_conninfo("", **parameters)).close()
    assert "PATH" in known
    assert not {"SECRET", "PGPORT"} & known.keys()
