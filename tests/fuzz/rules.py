"""Ways to describe a statement: this package's, and two of other tools to compare.

Those two read attnotnull of the column that RowDescription names. For any other result
the careful rule claims nothing, and the bold rule claims that it is never null.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.pq import ExecStatus

from authority_queries.codegen.facts import Column, Description, Fact, Parameter
from tests.fuzz.world import Connection, World

Describe = Callable[[str, Sequence[int]], Description]
ANALYST: Final = "rewritten tree (ours)"
CAREFUL: Final = "attnotnull"
BOLD: Final = "attnotnull, expressions never null"


class RefusedError(Exception):
    """PostgreSQL does not prepare the statement; the message is the server's."""


@dataclass(frozen=True, slots=True)
class OfTheCatalogue:
    """Describes by attnotnull; `bold` claims the rest to be never null."""

    connection: Connection
    world: World
    bold: bool = False

    def describe(self, statement: str, types: Sequence[int] = ()) -> Description:
        """Raise RefusedError where PostgreSQL refuses."""
        pgconn = self.connection.pgconn
        prepared = pgconn.prepare(b"", statement.encode(), types)
        if prepared.status != ExecStatus.COMMAND_OK:
            raise RefusedError(prepared.get_error_message())
        result = pgconn.describe_prepared(b"")
        columns = tuple(
            Column(
                name=(result.fname(n) or b"").decode(),
                type_oid=result.ftype(n),
                fact=Fact(
                    nullable=self._nullable(result.ftable(n), result.ftablecol(n))
                ),
            )
            for n in range(result.nfields)
        )
        parameters = tuple(
            Parameter(type_oid=result.param_type(n), fact=Fact())
            for n in range(result.nparams)
        )
        return Description(parameters=parameters, columns=columns, always_a_row=False)

    def _nullable(self, table: int, number: int) -> bool:
        if not (table and number):  # a whole row has a table and no column
            return not self.bold
        return not self.world.not_null[table, number]


def everything_not_null(describe: Describe) -> Describe:
    """Make a rule that is wrong on purpose from another rule."""

    def wrong(statement: str, types: Sequence[int]) -> Description:
        right = describe(statement, types)
        columns = tuple(
            Column(name=c.name, type_oid=c.type_oid, fact=Fact(nullable=False))
            for c in right.columns
        )
        return Description(
            parameters=right.parameters, columns=columns, always_a_row=True
        )

    return wrong
