"""Runs commands as another user of the machine. This needs root."""

import os
import pwd
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

NAME = "nobody"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch users")


def can(*command: str | Path) -> bool:
    """Return whether a command succeeds as the other user."""
    stranger = pwd.getpwnam(NAME)
    done = subprocess.run(
        command,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        user=stranger.pw_uid,
        group=stranger.pw_gid,
        extra_groups=[],
    )
    return done.returncode == 0


def can_do(
    data_dir: Path, connection: Mapping[str, str], programs: Path
) -> dict[str, bool]:
    """Return which parts of a running server the other user can reach."""
    host = connection["host"]
    psql, reading = programs / "psql", "select pg_read_file('PG_VERSION')"
    logins = (
        f"host={host} user={user} dbname=postgres"
        for user in (connection["user"], NAME)
    )
    return {
        "list the data": can("ls", data_dir),
        "read the data": can("cat", data_dir / "PG_VERSION"),
        "read the log": can("cat", data_dir / "log"),
        "write the data": can("touch", data_dir / "planted"),
        "list the socket's folder": can("ls", host),
        "write beside the socket": can("touch", f"{host}/planted"),
        "connect": any(can(psql, "-X", "-c", reading, login) for login in logins),
    }
