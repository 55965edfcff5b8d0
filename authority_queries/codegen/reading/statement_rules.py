"""What a query's statement must spell out, seen in its parse tree alone."""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from pglast import ast, parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.query import Query
from authority_queries.codegen.reading.source import told_by

Refuse: TypeAlias = Callable[[int, str], GenerationError]
RefuseTag: TypeAlias = Callable[[str], GenerationError]
_STAR: Final = "`*` gives other columns when the table changes: name the columns"


def check_statement(
    query: Query, sql: str, refuse: Refuse, refuse_copy_tag: RefuseTag
) -> None:
    """Raise when it is not one statement whose columns have names of their own.

    Also when it is tagged @copy without being one, or the other way round. `refuse`
    makes the error from an offset into `sql`, the text with `$1`.
    """
    try:
        statements = parse_sql(sql)
    except ParseError as error:
        message, offset = told_by(error)
        raise refuse(offset, f"PostgreSQL's parser says: {message}") from error
    if len(statements) != 1:
        where = statements[1].stmt_location or 0 if statements else 0
        message = f"{len(statements)} statements: write one a query, or an `#` script"
        raise refuse(where, message)
    statement = statements[0].stmt
    if not isinstance(statement, ast.Node):
        return
    _check_copy(query, statement, refuse, refuse_copy_tag)
    _refuse_stars(statement, refuse)
    _check_names(statement, refuse)


def _check_copy(
    query: Query, statement: ast.Node, refuse: Refuse, refuse_copy_tag: RefuseTag
) -> None:
    copies = isinstance(statement, ast.CopyStmt)
    loads = (
        isinstance(statement, ast.CopyStmt)
        and bool(statement.is_from)
        and statement.filename is None
    )
    if query.tags.copy and not loads:
        raise refuse_copy_tag("@copy, but no `copy … from stdin`: take the tag out")
    if copies and not loads:
        raise refuse(0, "of COPY only `copy … from stdin` can be run: write a query")
    if loads and not query.tags.copy:
        raise refuse(0, "a `copy … from stdin` is tagged @copy: add the tag")


def _refuse_stars(statement: ast.Node, refuse: Refuse) -> None:
    class Stars(Visitor):
        def visit_ResTarget(self, _: object, target: ast.ResTarget) -> None:  # noqa: N802 -- pglast finds it by this name
            match target.val:
                case ast.ColumnRef(fields=(*_, ast.A_Star())):
                    raise refuse(target.location or 0, _STAR)
                case ast.A_Indirection(indirection=(*_, ast.A_Star())):
                    raise refuse(target.location or 0, _STAR)

    Stars()(statement)


def _check_names(statement: ast.Node, refuse: Refuse) -> None:
    seen: set[str] = set()
    for name, location in _outputs(statement, refuse):
        if name is None:
            raise refuse(location, "a column without a name: add `as …`")
        if name in seen:
            raise refuse(location, f"a second column `{name}`: rename it with `as …`")
        seen.add(name)


def _outputs(statement: ast.Node, refuse: Refuse) -> Iterator[tuple[str | None, int]]:
    while isinstance(statement, ast.SelectStmt) and statement.larg is not None:
        statement = statement.larg  # the first of a union names the columns
    match statement:
        case ast.SelectStmt(valuesLists=lists) if lists:
            raise refuse(0, "VALUES has no names: write select … from (values …) as …")
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
