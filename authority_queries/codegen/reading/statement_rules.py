"""Rules for a query's statement that its parse tree shows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pglast import ast, parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

from authority_queries.codegen.query import Position, Query
from authority_queries.codegen.reading.source import told_by
from authority_queries.codegen.sent import with_names

_STAR: Final = "`*` returns other columns when the table changes: name the columns"


def check_statement(
    query: Query, sql: str, names: Sequence[str]
) -> Mapping[str, Position]:
    """Return the positions of the columns of the statement's result.

    `sql` is the text with `$1`, which is `names[0]`. Raises GenerationError unless it
    is one statement whose columns have different names, and if only one of `@copy` and
    a copy is there.
    """
    try:
        statements = parse_sql(sql)
    except ParseError as error:
        message, offset = told_by(error)
        told = f"PostgreSQL's parser says: {with_names(message, names)}"
        raise query.refuse_offset(offset, told) from error
    if len(statements) != 1:
        where = statements[1].stmt_location or 0 if statements else 0
        message = f"{len(statements)} statements: write one a query, or an `#` script"
        raise query.refuse_offset(where, message)
    statement = statements[0].stmt
    if not isinstance(statement, ast.Node):
        return {}
    _check_copy(query, statement)
    _refuse_stars(query, statement)
    return _columns(query, statement)


def _check_copy(query: Query, statement: ast.Node) -> None:
    copies = isinstance(statement, ast.CopyStmt)
    loads = (
        isinstance(statement, ast.CopyStmt)
        and bool(statement.is_from)
        and statement.filename is None
    )
    if query.tags.copy and not loads:
        message = "@copy without `copy … from stdin`: remove the tag"
        raise query.refuse_tag("copy", "", message)
    if copies and not loads:
        message = "only `copy … from stdin` can run: write a query instead"
        raise query.refuse_offset(0, message)
    if loads and not query.tags.copy:
        message = "`copy … from stdin` needs the tag @copy: add it"
        raise query.refuse_offset(0, message)


def _refuse_stars(query: Query, statement: ast.Node) -> None:
    class Stars(Visitor):
        def visit_ResTarget(self, _: object, target: ast.ResTarget) -> None:  # noqa: N802 -- pglast finds it by this name
            match target.val:
                case ast.ColumnRef(fields=(*_, ast.A_Star())):
                    raise query.refuse_offset(target.location or 0, _STAR)
                case ast.A_Indirection(indirection=(*_, ast.A_Star())):
                    raise query.refuse_offset(target.location or 0, _STAR)

    Stars()(statement)


def _columns(query: Query, statement: ast.Node) -> Mapping[str, Position]:
    seen: dict[str, Position] = {}
    for name, offset in _outputs(query, statement):
        if name is None:
            raise query.refuse_offset(offset, "a column without a name: add `as …`")
        if name in seen:
            message = f"a second column `{name}`: rename it with `as …`"
            raise query.refuse_offset(offset, message)
        seen[name] = query.position_of(offset)
    return seen


def _outputs(query: Query, statement: ast.Node) -> Iterator[tuple[str | None, int]]:
    while isinstance(statement, ast.SelectStmt) and statement.larg is not None:
        statement = statement.larg  # the first query of a union names the columns
    match statement:
        case ast.SelectStmt(valuesLists=lists) if lists:
            message = "VALUES names no columns: write select … from (values …) as …"
            raise query.refuse_offset(0, message)
        case ast.SelectStmt(targetList=targets):
            pass
        case (
            ast.InsertStmt(returningClause=ast.ReturningClause(exprs=targets))
            | ast.UpdateStmt(returningClause=ast.ReturningClause(exprs=targets))
            | ast.DeleteStmt(returningClause=ast.ReturningClause(exprs=targets))
            | ast.MergeStmt(returningClause=ast.ReturningClause(exprs=targets))
        ):
            pass
        case _:
            targets = ()
    for target in targets or ():
        yield _name(target), target.location or 0


def _name(target: ast.ResTarget) -> str | None:
    match target:
        case ast.ResTarget(name=str(name)):
            return name
        case ast.ResTarget(val=ast.ColumnRef(fields=(*_, ast.String(sval=name)))):
            return str(name)
    return None
