"""Waits for a session that waits for a lock."""

from time import sleep
from typing import Any

import psycopg
import pytest


def wait_for_lock(dba: "psycopg.Connection[Any]") -> None:
    """Wait until a session of the database waits for a lock."""
    for _ in range(500):
        waiting = dba.execute(
            "select from pg_stat_activity where datname = current_database() "
            "and wait_event_type = 'Lock'"
        ).fetchone()
        if waiting is not None:
            return
        sleep(0.01)
    pytest.fail("nobody waited for a lock")
