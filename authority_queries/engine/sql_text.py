"""Turns the text of an SQL file into the text that is sent."""

import re
from hashlib import blake2b
from typing import Final

from aiosql.adapters.pyformat import PyFormatAdapter
from aiosql.types import SQLOperationType

# The first keyword or parenthesis, with the hints of pg_hint_plan around it, which
# finds its hints only when no other comment precedes them.
_HEAD: Final = re.compile(r"\s*(?:/\*\+.*?\*/\s*)?(?:\w+|\()(?:\s*/\*\+.*?\*/)?", re.S)
_COPY_IN: Final = re.compile(r"copy\b.*\bfrom\s+stdin\b", re.S | re.I)


def processed(label: str, operation: SQLOperationType, sql: str) -> str:
    """Turn `:name` into psycopg's `%(name)s`, and add the statement's name.

    A `%` is doubled, except in scripts and COPY, where psycopg expects no parameters.
    """
    if operation is SQLOperationType.SCRIPT or _COPY_IN.match(sql):
        return named(label, sql)
    # aiosql's method is untyped.
    with_parameters: str = PyFormatAdapter().process_sql(  # type: ignore[no-untyped-call]
        label, operation, sql.replace("%", "%%")
    )
    return named(label, with_parameters)


def digest(sql: str) -> str:
    """Return a digest of a query's text, which changes with the text.

    Comments do not count: aiosql has removed those that begin a line and `/* … */`.
    """
    return blake2b(sql.encode(), digest_size=6).hexdigest()


def named(label: str, sql: str) -> str:
    """Insert `/* users.get_by_id */` after the first keyword.

    pg_stat_statements drops a comment before the statement since version 18. It keeps a
    comment inside, as do the server's log, pg_stat_activity and the declaration of a
    server-side cursor.
    """
    comment = re.sub(r"[^\w.]", "_", label)
    head = _HEAD.match(sql)
    end = head.end() if head else 0
    return f"{sql[:end]} /* {comment} */{sql[end:]}"
