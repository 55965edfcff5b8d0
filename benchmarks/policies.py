"""`python -m benchmarks.policies`: what the spelling of a tenant's policy costs.

Each spelling has a database of its own. The calls are measured in turns.
"""

import argparse
import asyncio
import sys
from contextlib import ExitStack
from typing import Final, LiteralString

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier
from tabulate import tabulate

from authority_queries import Authority
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.engine.runtime import QueryFile
from authority_queries.errors import AuthorityError
from authority_queries.queries import FOLDER
from authority_queries.resources import MIGRATIONS
from benchmarks.cases import Arguments
from benchmarks.machine import machine
from benchmarks.measuring import Timer, cpu_timer, measure
from benchmarks.rows import Rows, insert_rows

_BLOCKS: Final = 40
_BLOCK: Final = 0.03
_SETTING: Final = "current_setting('authority.tenant_id', true)"
_TEST: Final = (
    f"case when {_SETTING} like '________-____-____-____-____________' "
    f"and {_SETTING} !~ '[^0-9a-f-]|-.*-.*-.*-.*-' then {_SETTING}"
)
_SPELLINGS: Final[dict[str, LiteralString]] = {
    "as migrated": "",
    "in a subquery": f"(select {_TEST}::uuid end)",
    "nullif": f"nullif({_SETTING}, '')::uuid",
}
_CALLS: Final = ("tokens.verify", "tokens.verify_by_token", "users.get_by_id")
_UNBOUND: Final = "select count(*) from authority.tokens where scopes <> '{}'"


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.policies", description=__doc__
    )
    parser.parse_args()
    with ExitStack() as stack:
        opened = [_opened(each, stack) for each in _SPELLINGS.values()]
        print(machine(opened[0][0].info.dsn), end="\n\n")
        lines = [
            [call, *asyncio.run(_measured([_timer(each, call) for each in opened]))]
            for call in (*_CALLS, "count of 2,001 tokens, no tenant named")
        ]
    print("Processor time of a call in µs, client and server:")
    print(tabulate(lines, headers=["call", *_SPELLINGS], floatfmt=".1f"))
    return 0


def _opened(
    spelling: LiteralString, stack: ExitStack
) -> tuple[psycopg.Connection[object], Rows]:
    database = stack.enter_context(throwaway_database([MIGRATIONS], None))
    with psycopg.connect(database, autocommit=True) as connection:
        rows = insert_rows(connection)
        if spelling:
            _respell(connection, spelling)
    options = f"-c role={Authority.role} -c authority.tenant_id={rows.tenant_id}"
    service = make_conninfo(database, options=options)
    return stack.enter_context(psycopg.connect(service, autocommit=True)), rows


def _respell(connection: psycopg.Connection[object], spelling: LiteralString) -> None:
    cursor = connection.cursor(row_factory=tuple_row)
    found = cursor.execute(
        "select tablename, policyname, "
        "case tablename when 'tenants' then 'id' else 'tenant_id' end "
        r"from pg_policies where policyname like '%\_id\_policy'"
    )
    for table, policy, column in found:
        statement = SQL("alter policy {} on authority.{} using ({} = {})").format(
            Identifier(policy), Identifier(table), Identifier(column), SQL(spelling)
        )
        connection.execute(statement)


def _timer(opened: tuple[psycopg.Connection[object], Rows], call: str) -> Timer:
    connection, rows = opened
    sent = {
        "tenant_id": rows.tenant_id,
        "token_hash": rows.token_hash,
        "type": "access",
        "resource": None,
        "user_id": rows.user_id,
    }
    sql = _UNBOUND
    if call in _CALLS:
        file, _, name = call.partition(".")
        sql = getattr(QueryFile(FOLDER / f"{file}.sql").queries, name).sql

    def run(_: Arguments) -> object:
        return connection.cursor().execute(sql, sent).fetchall()

    return cpu_timer(run, connection.info.backend_pid)


async def _measured(timers: list[Timer]) -> list[float]:
    measured = await measure(timers, dict, _BLOCKS, _BLOCK)
    return [measured.microseconds(number) for number, _ in enumerate(timers)]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.policies: {error}", file=sys.stderr)
        sys.exit(2)
