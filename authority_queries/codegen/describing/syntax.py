"""Facts from a query's syntax: whether it can stream, and the target of a copy."""

from pglast import ast, parse_sql
from pglast.parser import ParseError

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.query import Query
from authority_queries.codegen.sent import Statement


def can_stream(statement: Statement) -> bool:
    """Return whether a server-side cursor can run it: a select that writes nothing."""
    match [raw.stmt for raw in parse_sql(statement.text) or ()]:
        case [ast.SelectStmt(intoClause=None, withClause=None)]:
            return True
        case [ast.SelectStmt(intoClause=None, withClause=ast.WithClause(ctes=ctes))]:
            queries = [cte.ctequery for cte in ctes or ()]
            return all(isinstance(query, ast.SelectStmt) for query in queries)
    return False


def check_script(query: Query) -> None:
    """Refuse a script with a syntax error. Its names are not resolved."""
    try:
        parse_sql(query.sql)
    except ParseError as error:
        message, offset, *_ = (*error.args, None)
        told = f"PostgreSQL's parser says: {message}"
        raise query.refuse_offset(offset or 0, told) from error


def copied_table(query: Query) -> tuple[str, tuple[str, ...]]:
    """Return the table, quoted as needed, and the columns of a `copy … from stdin`."""
    try:
        statements = parse_sql(query.sql) or ()
    except ParseError as error:
        raise _not_a_copy(query) from error
    match [statement.stmt for statement in statements]:
        case [
            ast.CopyStmt(
                relation=ast.RangeVar() as table,
                attlist=tuple() as columns,
                is_from=True,
                is_program=None | False,
                filename=None,
                options=None | (),
                whereClause=None,
            )
        ] if columns:
            return _name(table), tuple(column.sval for column in columns)
    raise _not_a_copy(query)


def _name(table: ast.RangeVar) -> str:
    parts = [part for part in (table.schemaname, table.relname) if part]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _not_a_copy(query: Query) -> GenerationError:
    message = "@copy is for: copy schema.table (column, …) from stdin"
    return query.refuse_tag("copy", "", message)
