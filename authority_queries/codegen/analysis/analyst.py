"""PostgreSQL's description of a statement, and the facts that its tree proves."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

import psycopg
from psycopg import pq
from psycopg.errors import Diagnostic

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.node_kinds import Command
from authority_queries.codegen.analysis.parameters import Uses
from authority_queries.codegen.analysis.query_facts import QueryFacts
from authority_queries.codegen.analysis.query_tree import Node, read_trees
from authority_queries.codegen.analysis.scope import Environment, Scope
from authority_queries.codegen.facts import (
    UNKNOWN,
    Column,
    Description,
    Fact,
    Parameter,
)


class Analyst:
    """Describes statements on a connection in autocommit, without executing them."""

    def __init__(self, connection: psycopg.Connection[object]) -> None:
        self._connection = connection
        self._catalogue = Catalogue(connection)
        self._dumps: list[str] = []
        connection.add_notice_handler(self._listen)
        self._keep_out_of_the_log()

    def describe(
        self,
        statement: str,
        types: Sequence[int] = (),
        *,
        declared: Mapping[int, bool] = MappingProxyType({}),
    ) -> Description:
        """Describe a statement whose parameters are `$1`, `$2` and so on.

        `types` are the oids that will be sent with the parameters; for 0 PostgreSQL
        infers the type. `declared` overrides, by number, whether a parameter may be
        null; the columns' facts depend on it. Raises psycopg's errors when PostgreSQL
        refuses the statement.
        """
        result = self._prepare(statement, types)
        query = self._tree()
        if query is None:
            unknown = [UNKNOWN] * result.nparams
            return _description(result, unknown, [], always_a_row=False)
        return self._describe(result, query, declared)

    def _describe(
        self, result: pq.abc.PGresult, query: Node, declared: Mapping[int, bool]
    ) -> Description:
        uses = Uses(*self._open(query, {}))
        parameters = [uses.of(number) for number in range(1, result.nparams + 1)]
        nullable = {n: fact.nullable for n, fact in enumerate(parameters, 1)}
        queries, scope = self._open(query, {**nullable, **declared})
        columns = queries.columns(scope)
        always_a_row = queries.always_a_row(scope)
        described = _description(result, parameters, columns, always_a_row=always_a_row)
        return self._commented(described, result, uses)

    def _commented(
        self, described: Description, result: pq.abc.PGresult, uses: Uses
    ) -> Description:
        """Add the columns that parameters belong to, and the comments on columns."""
        return replace(
            described,
            parameters=tuple(
                replace(parameter, columns=uses.columns(number))
                for number, parameter in enumerate(described.parameters, 1)
            ),
            columns=tuple(
                replace(column, comment=self._comment(result, n, column.fact))
                for n, column in enumerate(described.columns)
            ),
        )

    def _comment(self, result: pq.abc.PGresult, n: int, fact: Fact) -> str:
        """Return the comment of a view's column, or of the column that it shows."""
        place = result.ftable(n), result.ftablecol(n)
        named = self._catalogue.column(*place, with_children=False).origin
        own = named.comment if named else ""
        return own or (fact.origin.comment if fact.origin else "")

    def _keep_out_of_the_log(self) -> None:
        """Keep the trees out of the server's log, if the login has the privilege."""
        with suppress(psycopg.errors.InsufficientPrivilege):
            self._connection.execute("set log_min_messages = fatal")

    def _open(self, query: Node, nullable: dict[int, bool]) -> tuple[QueryFacts, Scope]:
        environment = Environment(self._catalogue, nullable)
        return QueryFacts(environment), Scope(query, environment)

    def _tree(self) -> Node | None:
        """Return the tree of the query that returns the statement's rows."""
        trees = [tree for dump in self._dumps for tree in read_trees(dump)]
        known = [tree for tree in trees if tree.number("commandType") in set(Command)]
        answering = [tree for tree in known if tree.flag("canSetTag")]
        return answering[0] if len(answering) == 1 else None

    def _prepare(self, statement: str, types: Sequence[int]) -> pq.abc.PGresult:
        self._connection.execute("set client_min_messages = log")
        self._connection.execute("set debug_pretty_print = off")
        self._dumps.clear()
        self._connection.execute("set debug_print_rewritten = on")
        self._dumps.clear()
        try:
            pgconn = self._connection.pgconn
            result = pgconn.prepare(b"", statement.encode(), types)
            if result.status == pq.ExecStatus.COMMAND_OK:
                result = pgconn.describe_prepared(b"")
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)
        finally:
            dumps = [*self._dumps]
            self._connection.execute("set debug_print_rewritten = off")
            self._connection.execute("set client_min_messages = notice")
            self._dumps[:] = dumps
        return result

    def _listen(self, notice: Diagnostic) -> None:
        if notice.message_primary == "rewritten parse tree:":
            self._dumps.append(notice.message_detail or "")


def _description(
    result: pq.abc.PGresult,
    parameters: list[Fact],
    columns: list[Fact],
    *,
    always_a_row: bool,
) -> Description:
    """Combine the facts with the result of PostgreSQL's Describe message."""
    if len(columns) != result.nfields:  # a rule replaced the query
        columns = [UNKNOWN] * result.nfields
    return Description(
        parameters=tuple(
            Parameter(type_oid=result.param_type(n), fact=fact)
            for n, fact in enumerate(parameters)
        ),
        columns=tuple(_column(result, n, fact) for n, fact in enumerate(columns)),
        always_a_row=always_a_row,
    )


def _column(result: pq.abc.PGresult, n: int, fact: Fact) -> Column:
    name = (result.fname(n) or b"").decode()
    return Column(name=name, type_oid=result.ftype(n), fact=fact)
