"""PostgreSQL's errors about a statement, with the place in the file."""

import re

import psycopg

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.query import Query
from authority_queries.codegen.sent import Statement, with_names


def refused(
    query: Query,
    statement: Statement,
    error: psycopg.Error,
    *,
    role: str | None = None,
    before: bytes = b"",
) -> GenerationError:
    """Make the error of a statement that was sent after the text `before`.

    `role` is the role that was to execute it.
    """
    told = error.diag.message_primary or str(error)
    message = with_names(told, statement.parameters)
    hearer = f" to {role}" if role else ""
    return query.refuse_offset(
        _offset(statement, error, told, len(before)),
        f"PostgreSQL says{hearer}: {message}{_hint(error, message)}",
    )


def _offset(
    statement: Statement, error: psycopg.Error, message: str, before: int
) -> int:
    """Return the offset of the error in the text, or of the parameter that it names."""
    if error.diag.statement_position is not None:
        return int(error.diag.statement_position) - 1 - before
    if parameter := re.search(r"\$\d+", message):
        used = re.search(rf"{re.escape(parameter[0])}\b", statement.text)
        return used.start() if used else 0
    return 0


def _hint(error: psycopg.Error, message: str) -> str:
    named = re.search(r":(\w+)", message)
    example = named.group(1) if named else "parameter"
    match error:
        case (
            psycopg.errors.IndeterminateDatatype()
            | psycopg.errors.AmbiguousParameter()
            | psycopg.errors.AmbiguousFunction()
        ):
            return f"; cast it where it is used, such as :{example}::uuid"
        case psycopg.Error() if error.diag.message_hint:
            return f"; {error.diag.message_hint}"
        case _:
            return ""
