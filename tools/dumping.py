"""Dumps a database with the pg_dump of its own server.

A newer pg_dump dumps objects of an older server that the server's own pg_dump omits.
"""

import os
import subprocess
from pathlib import Path

import psycopg


def pg_dump(conninfo: str, *options: str) -> str:
    """Return pg_dump's output for this database.

    Raises FileNotFoundError when this machine has no pg_dump of the server's version.
    """
    with psycopg.connect(conninfo) as connection:
        [(folder, version)] = connection.execute(
            "select setting, current_setting('server_version') "
            "from pg_catalog.pg_config() where name = 'BINDIR'"
        ).fetchall()
        environment = _environment(connection.info)
    program = Path(folder) / "pg_dump"
    if _version(program) != version:
        message = f"no pg_dump of PostgreSQL {version} at {program} on this machine"
        raise FileNotFoundError(message)
    done = subprocess.run(
        [program, *options],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def _environment(info: psycopg.ConnectionInfo) -> dict[str, str]:
    """Return libpq's variables for the connection.

    A connection string could have parameters that an older libpq does not know.
    """
    return {
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGUSER": info.user,
        "PGPASSWORD": info.password,
        "PGDATABASE": info.dbname,
        # Checks print timestamps in the session's time zone.
        "PGTZ": "UTC",
    }


def _version(program: Path) -> str | None:
    """Return the program's version, or None if the program is missing."""
    if not program.exists():
        return None
    done = subprocess.run(
        [program, "--version"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip().partition(" (PostgreSQL) ")[2]
