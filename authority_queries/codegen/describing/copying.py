"""What a `@copy` query copies into. PostgreSQL cannot prepare a copy."""

from pglast import ast, parse_sql
from pglast.parser import ParseError

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.model import Query


def copied_table(query: Query) -> tuple[str, tuple[str, ...]]:
    """Give the table, quoted as needed, and the columns of a `copy … from stdin`."""
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
    return GenerationError(
        f"{query.place}: @copy is for: copy schema.table (column, …) from stdin"
    )
