"""The calls of benchmarks.growth, for one busy tenant."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle
from secrets import token_bytes
from typing import Final, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries import Authority, Store
from authority_queries.queries import tokens
from authority_queries.repositories.values import NewToken
from benchmarks.cases import Arguments
from benchmarks.peers import Peer

CALLS: Final = ("verify", "issue", "rotate")
Row = TypeVar("Row")
_HOUR: Final = timedelta(hours=1)
_MONTH: Final = timedelta(days=30)

# In the order of a random id, so that neither rows nor hashes are neighbours.
_PICK_TOKENS: Final = """
select token_hash from authority.tokens
where
    tenant_id = %s and type = 'access' and authorization_id is not null
    and created_at < now() - interval '1 hour'
order by id
limit 20000
"""
_PICK_FAMILIES: Final = """
select tokens.token_hash, clients.client_id
from authority.tokens
inner join authority.clients
    on tokens.tenant_id = clients.tenant_id and tokens.client_uuid = clients.id
where
    tokens.tenant_id = %s and tokens.type = 'refresh' and tokens.redeemed_at is null
order by tokens.id
limit 5000
"""
_INDEXES: Final = """
select
    (
        select string_agg(pg_get_indexdef(indexrelid, n, true), ', ' order by n)
        from generate_series(1, indnkeyatts) as n
    ),
    coalesce(pg_get_expr(indpred, indrelid), 'true')
from pg_index
where
    indrelid = 'authority.tokens'::regclass
    and pg_get_indexdef(indexrelid, 1, true) = 'tenant_id'
"""


class Calls:
    """The calls of a service, each for the next token of the busy tenant."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._store = Store(connection)
        self._tenant_id = tenant_id
        self.backend_pid = connection.info.backend_pid
        found = connection.execute(_PICK_TOKENS, [tenant_id]).fetchall()
        self._hashes = cycle([token_hash for (token_hash,) in found])
        self._families = deque(connection.execute(_PICK_FAMILIES, [tenant_id]))
        self._all = (len(found), len(self._families))

    @classmethod
    @contextmanager
    def open(cls, database: str) -> Iterator["Calls"]:
        """Connect as a service that has the tenant set for its session."""
        tenant_id = _busy_tenant(database)
        service = make_conninfo(
            database,
            options=f"-c role={Authority.role} -c authority.tenant_id={tenant_id}",
        )
        with psycopg.connect(service, autocommit=True) as connection:
            yield cls(connection, tenant_id)

    def peer(self, call: str) -> Peer:
        """Return the call."""
        return {"verify": self._verify, "issue": self._issue, "rotate": self._rotate}[
            call
        ]

    def flush_statistics(self) -> None:
        """Make the server process report which blocks it has read."""
        self._connection.execute("select pg_stat_force_next_flush()")

    def use_all(self) -> None:
        """Verify each picked token, and refresh each picked family."""
        for call, count in zip(("verify", "rotate"), self._all, strict=True):
            for _ in range(count):
                self.peer(call)({})

    def _verify(self, _: Arguments) -> object:
        return _found(
            tokens.verify_by_token(
                self._connection,
                tenant_id=self._tenant_id,
                token_hash=next(self._hashes),
                type="access",
                resource=None,
            )
        )

    def _issue(self, _: Arguments) -> object:
        issuance = self._store.grants.issue_to_client(
            tenant_id=self._tenant_id,
            token_hash=token_bytes(32),
            client_id="client0",
            scopes=("openid", "profile"),
            resources=("https://api.example",),
            lifetime=_HOUR,
        )
        return _found(issuance if issuance.outcome == "issued" else None)

    def _rotate(self, _: Arguments) -> object:
        token_hash, client_id = self._families.popleft()
        refresh = token_bytes(32)
        redemption = self._store.redemptions.refresh(
            tenant_id=self._tenant_id,
            token_hash=token_hash,
            client_id=client_id,
            redemption_id=uuid4(),
            access_token=NewToken(hash=token_bytes(32), lifetime=_HOUR),
            refresh_token=NewToken(hash=refresh, lifetime=_MONTH),
        )
        self._families.append((refresh, client_id))
        return _found(redemption if redemption.outcome == "redeemed" else None)


def warm(database: str) -> None:
    """Read the busy tenant's part of each index, and use what is measured once."""
    tenant_id = _busy_tenant(database)
    with psycopg.connect(database, autocommit=True) as dba:
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
            dba.execute(SQL("set {} = off").format(Identifier(setting)))
        for columns, predicate in dba.execute(_INDEXES).fetchall():
            dba.execute(
                f"select count(*) from (select {columns} from authority.tokens "  # noqa: S608 -- from the catalogue
                f"where tenant_id = %s and {predicate} order by {columns}) as read",
                [tenant_id],
            )
    with Calls.open(database) as calls:
        calls.use_all()


def _busy_tenant(database: str) -> UUID:
    with psycopg.connect(database, autocommit=True) as dba:
        found = dba.execute(
            "select id from authority.tenants where code = 't0'"
        ).fetchone()
    return UUID(str(_found(found)[0]))


def _found(row: Row | None) -> Row:
    if row is None:
        message = "the token is not live: nothing to compare"
        raise RuntimeError(message)
    return row
