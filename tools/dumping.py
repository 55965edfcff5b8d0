"""A dump of a database, by the pg_dump of its own server.

A newer pg_dump writes what an older server keeps for itself and hides from its own.
"""

import os
import subprocess
from pathlib import Path

import psycopg


def pg_dump(conninfo: str, *options: str) -> str:
    """Give what pg_dump writes of this database.

    Raises FileNotFoundError when this machine has no pg_dump of the server's version.
    """
    with psycopg.connect(conninfo) as connection:
        [(folder, version)] = connection.execute(
            "select setting, current_setting('server_version') "
            "from pg_catalog.pg_config() where name = 'BINDIR'"
        ).fetchall()
        info = connection.info
        # One by one: psycopg's libpq may know parameters that an older one refuses.
        environment = {
            "PGHOST": info.host,
            "PGPORT": str(info.port),
            "PGUSER": info.user,
            "PGPASSWORD": info.password,
            "PGDATABASE": info.dbname,
            # The moments in checks are written in the session's time zone.
            "PGTZ": "UTC",
        }
    program = Path(folder) / "pg_dump"
    if _said_version(program) != version:
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


def _said_version(program: Path) -> str | None:
    """Give what the program says after its name, or None where it is missing."""
    if not program.exists():
        return None
    done = subprocess.run(
        [program, "--version"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip().partition(" (PostgreSQL) ")[2]
