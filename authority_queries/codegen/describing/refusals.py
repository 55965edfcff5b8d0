"""PostgreSQL's refusal of a statement as an error with its line in the file."""

import re

import psycopg

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.query import Query
from authority_queries.codegen.sent import Statement, with_names


def refused(
    query: Query, statement: Statement, error: psycopg.Error
) -> GenerationError:
    """Turn PostgreSQL's refusal of a statement into an error with the line of it."""
    message = error.diag.message_primary or str(error)
    line = _line(query, statement, _offset(statement, error, message))
    message = with_names(message, statement.parameters)
    place = f"{query.path.parent.name}/{query.path.name}:{line} {query.name}"
    return GenerationError(
        f"{place}: PostgreSQL says: {message}{_hint(error, message)}"
    )


def _offset(statement: Statement, error: psycopg.Error, message: str) -> int:
    """Say where in the text the error is, or the parameter that it is about."""
    if error.diag.statement_position is not None:
        return int(error.diag.statement_position) - 1
    if parameter := re.search(r"\$\d+", message):
        return max(statement.text.find(parameter.group()), 0)
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
            return f"; say the type where it is used, such as :{example}::uuid"
        case psycopg.Error() if error.diag.message_hint:
            return f"; {error.diag.message_hint}"
        case _:
            return ""


def _line(query: Query, statement: Statement, offset: int) -> int:
    """Find the line of the file that an offset in the statement is in.

    aiosql takes comments out of the text, so that lines cannot just be counted: it is
    the line that reads the same, the third one if it is the third such in the text.
    """
    index = statement.text.count("\n", 0, offset)
    lines = [_written(line) for line in query.sql.split("\n")]
    if index >= len(lines):
        return query.line
    wanted = lines[index]
    skip = lines[:index].count(wanted)
    file = query.path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(file[query.line :], query.line + 1):
        if _bare(line) == wanted:
            if skip == 0:
                return number
            skip -= 1
    return query.line


def _written(line: str) -> str:
    """Give a line of the query's text as the file has it."""
    without_name = re.sub(r" /\* [\w.]+ \*/", "", line, count=1)
    return _bare(re.sub(r"%\((\w+)\)s", r":\1", without_name).replace("%%", "%"))


def _bare(line: str) -> str:
    return line.strip().rstrip("; ")
