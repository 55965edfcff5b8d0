"""`python -m benchmarks.refresh`: one statement against the transaction it replaces.

Exits with 1 when the statement takes more processor time than the transaction, and with
2 when there is no server.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from statistics import median
from typing import Final, NamedTuple
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from tabulate import tabulate

from authority_queries import Authority, Store, mint_token
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.repositories.values import NewToken
from authority_queries.resources import MIGRATIONS
from authority_queries.secrets import TokenString
from benchmarks.cases import Arguments
from benchmarks.machine import machine
from benchmarks.measuring import Measured, cpu_timer, measure, timer
from benchmarks.peers import Peer
from benchmarks.rows import CLIENT, Rows, insert_rows

_LIMIT: Final = 1.0
_HOUR: Final = timedelta(hours=1)
_MONTH: Final = timedelta(days=30)
_SCOPES: Final = ("openid", "profile", "email")
_BLOCKS: Final = 40
# Seconds. Each way has its own server process, which begins a block with cold caches.
_BLOCK: Final = 0.04
_HEADERS: Final = (
    "refresh by",
    "trips",
    "CPU µs",
    "to the first",
    "µs",
    "to the first",
)
_FORMATS: Final = ("", "", ".0f", ".2f", ".0f", ".2f")

# The transaction of a server without this package. redemptions.refresh does more: it
# checks consent, epochs, the tenant's status and the sender constraint, and detects
# reuse.
_LOCK: Final = """
select
    tokens.id,
    tokens.client_uuid,
    tokens.user_id,
    tokens.authorization_id,
    tokens.scopes,
    tokens.properties,
    tokens.authenticated_at,
    clients.client_id = %(client_id)s
    and clients.enabled
    and users.status = 'active'
    and tokens.redeemed_at is null
    and tokens.revoked_at is null
    and tokens.expires_at > now()
    and authorizations.revoked_at is null as is_live
from authority.tokens
inner join authority.authorizations
    on
        tokens.tenant_id = authorizations.tenant_id
        and tokens.authorization_id = authorizations.id
inner join authority.clients
    on
        tokens.tenant_id = clients.tenant_id
        and tokens.client_uuid = clients.id
inner join authority.users
    on
        tokens.tenant_id = users.tenant_id
        and tokens.user_id = users.id
where
    tokens.tenant_id = %(tenant_id)s
    and tokens.token_hash = %(token_hash)s
    and tokens.type = 'refresh'
for no key update of authorizations, tokens
"""
_USE_UP: Final = """
update authority.tokens
set
    redeemed_at = now(),
    redemption_hash = sha256(uuid_send(%(redemption_id)s))
where
    tenant_id = %(tenant_id)s
    and id = %(id)s
"""
_ISSUE: Final = """
insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, user_id, authorization_id, parent_id,
    scopes, properties, authenticated_at, expires_at
)
select
    %(tenant_id)s, successors.type, successors.token_hash, %(client_uuid)s, %(user_id)s,
    %(authorization_id)s, %(id)s, %(scopes)s, %(properties)s, %(authenticated_at)s,
    now() + successors.lifetime
from (
    values
    ('access', %(access)s::bytea, interval '1 hour'),
    ('refresh', %(refresh)s::bytea, interval '30 days')
) as successors (type, token_hash, lifetime)
returning id, type, scopes, expires_at
"""


class _Line(NamedTuple):
    """A line of the table: processor time and wall time per refresh."""

    way: str
    trips: int
    cpu: float
    cpu_ratio: float
    wall: float
    wall_ratio: float


class _Family:
    """A token family of one way. Each call replaces its refresh token."""

    def __init__(self, connection: psycopg.Connection[object], rows: Rows) -> None:
        self._connection = connection
        self._store = Store(connection)
        self._tenant_id = rows.tenant_id
        family = self._store.authorizations.create(
            tenant_id=rows.tenant_id,
            client_uuid=rows.client_uuid,
            user_id=rows.user_id,
            scopes=_SCOPES,
            lifetime=12 * _MONTH,
        )
        self._token = mint_token("refresh", rows.tenant_id)
        self._store.tokens.create(
            tenant_id=rows.tenant_id,
            type="refresh",
            token_hash=self._token.hash,
            client_uuid=rows.client_uuid,
            user_id=rows.user_id,
            authorization_id=family.id,
            scopes=_SCOPES,
            properties={"device": "a telephone"},
            lifetime=_MONTH,
        )

    def by_statement(self, _: Arguments) -> object:
        access, refresh = self._mint()
        redemption = self._store.redemptions.refresh(
            tenant_id=self._tenant_id,
            token_hash=self._token.hash,
            client_id=CLIENT,
            redemption_id=uuid4(),
            access_token=NewToken(hash=access.hash, lifetime=_HOUR),
            refresh_token=NewToken(hash=refresh.hash, lifetime=_MONTH),
        )
        self._continue(refresh, is_live=redemption.outcome == "redeemed")
        return redemption

    def by_transaction(self, _: Arguments) -> object:
        access, refresh = self._mint()
        given = {"tenant_id": self._tenant_id, "client_id": CLIENT}
        with self._connection.cursor(row_factory=dict_row) as cursor:
            with self._connection.transaction():
                cursor.execute(_LOCK, {**given, "token_hash": self._token.hash})
                token = cursor.fetchone() or {}
                self._continue(refresh, is_live=token["is_live"])
                cursor.execute(_USE_UP, {**given, **token, "redemption_id": uuid4()})
                properties = Jsonb(token["properties"])
                issued = {"access": access.hash, "refresh": refresh.hash}
                successors = {**given, **token, **issued, "properties": properties}
                cursor.execute(_ISSUE, successors)
            return cursor.fetchall()

    def by_pipelined_transaction(self, arguments: Arguments) -> object:
        with self._connection.pipeline():
            return self.by_transaction(arguments)

    def _mint(self) -> tuple[TokenString, TokenString]:
        return mint_token("access", self._tenant_id), mint_token(
            "refresh", self._tenant_id
        )

    def _continue(self, refresh: TokenString, *, is_live: object) -> None:
        if is_live is not True:
            message = "the token is not live: nothing to compare"
            raise RuntimeError(message)
        self._token = refresh


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.refresh", description=__doc__
    )
    parser.add_argument(
        "--server",
        metavar="CONNINFO",
        help="server to measure on (default: embedded)",
    )
    server = parser.parse_args(arguments).server
    with throwaway_database([MIGRATIONS], server) as database:
        print(machine(database), end="\n\n")
        lines = asyncio.run(_measured(database))
    print("Replacing one refresh token, each way in turns:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    ratio = lines[1].cpu_ratio
    print(f"the statement to the transaction: {ratio:.2f}; allowed: {_LIMIT}")
    return 1 if ratio > _LIMIT else 0


async def _measured(database: str) -> list[_Line]:
    with psycopg.connect(database, autocommit=True) as connection:
        rows = insert_rows(connection)
    service = make_conninfo(
        database,
        options=f"-c role={Authority.role} -c authority.tenant_id={rows.tenant_id}",
    )
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(service, autocommit=True))
            for _ in range(3)
        ]
        ways = _ways(connections, rows)
        cpu_timers = [
            cpu_timer(peer, connection.info.backend_pid)
            for (_, _, peer), connection in zip(ways, connections, strict=True)
        ]
        timers = [timer(peer) for _, _, peer in ways]
        by_cpu = await measure(cpu_timers, dict, _BLOCKS, _BLOCK)
        by_wall = await measure(timers, dict, _BLOCKS, _BLOCK)
    return _lines(ways, by_cpu, by_wall)


def _ways(
    connections: Sequence[psycopg.Connection[object]], rows: Rows
) -> list[tuple[str, int, Peer]]:
    """Return the name, the trips and the call of each way, a connection each."""
    statement, transaction, pipelined = (_Family(each, rows) for each in connections)
    return [
        ("redemptions.refresh", 1, statement.by_statement),
        ("a transaction", 5, transaction.by_transaction),
        ("a transaction, pipelined", 2, pipelined.by_pipelined_transaction),
    ]


def _lines(
    ways: Sequence[tuple[str, int, Peer]], by_cpu: Measured, by_wall: Measured
) -> list[_Line]:
    return [
        _Line(
            way=name,
            trips=trips,
            cpu=by_cpu.microseconds(number),
            cpu_ratio=median(by_cpu.ratios(number)),
            wall=by_wall.microseconds(number),
            wall_ratio=median(by_wall.ratios(number)),
        )
        for number, (name, trips, _) in enumerate(ways)
    ]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.refresh: {error}", file=sys.stderr)
        sys.exit(2)
