"""Describes the machine of a measurement."""

import os
import platform
from importlib.metadata import version

import psycopg


def machine(database: str) -> str:
    """Return the versions, the kind of machine and the number of cores, as a line."""
    with psycopg.connect(database) as connection:
        server = connection.info.parameter_status("server_version")
    return (
        f"Python {platform.python_version()}, psycopg {version('psycopg')} "
        f"({psycopg.pq.__impl__}), aiosql {version('aiosql')}, PostgreSQL {server}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )
