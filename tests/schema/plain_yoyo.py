"""Plain yoyo, as a release job runs it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg

from authority_queries.service.migrations import yoyo_url

ROOT = Path(__file__).resolve().parent.parent.parent


def yoyo(conninfo: str, *arguments: str) -> str:
    """Run plain yoyo from the root, with the committed yoyo.ini."""
    done = run_yoyo(conninfo, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_yoyo(
    conninfo: str, *arguments: str, schema: str | None = "authority_yoyo"
) -> "subprocess.CompletedProcess[str]":
    url = yoyo_url(conninfo, schema=schema)
    return subprocess.run(
        [sys.executable, "-m", "yoyo", *arguments],
        cwd=ROOT,
        env={**os.environ, "AUTHORITY_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def tables(conninfo: str) -> Sequence[str]:
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "select relname from pg_class where relnamespace = "
            "to_regnamespace('authority') and relkind in ('r', 'p')"
        )
        return sorted(name for (name,) in found)
