"""A tenant whose families the benchmark of the feed ends."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID, uuid4

import psycopg

from authority_queries import Maintenance, NewToken, Settings, Store
from authority_queries.records import Client, User
from authority_queries.service.migrations import yoyo_url

_HOUR: Final = timedelta(hours=1)
# Families with a refresh token and an access token each. The hashes are those of
# numbers.
_FAMILIES: Final = """
with families as (
    insert into authority.authorizations
    (tenant_id, id, client_uuid, user_id, tokens_expire_at)
    select %(tenant_id)s, md5(%(tenant_id)s::text || n)::uuid, %(client_uuid)s,
        %(user_id)s, authority.clock() + interval '720 hours'
    from generate_series(1, %(last)s::bigint) as n
)
insert into authority.tokens
(tenant_id, type, token_hash, client_uuid, user_id, authorization_id, expires_at)
select %(tenant_id)s, kind, sha256((kind || n)::bytea), %(client_uuid)s, %(user_id)s,
    md5(%(tenant_id)s::text || n)::uuid, authority.clock() + interval '1 hour'
from generate_series(1, %(last)s::bigint) as n
cross join unnest(array['access', 'refresh']) as kind
"""


def _hash(kind: str, number: int) -> bytes:
    return hashlib.sha256(f"{kind}{number}".encode()).digest()


def _expect(wanted: str, outcome: str) -> None:
    if outcome != wanted:
        message = f"the outcome is {outcome}, not {wanted}: nothing to compare"
        raise RuntimeError(message)


@dataclass(frozen=True)
class FeedTenant:
    """A connection of a service for a tenant of its own, with families to end."""

    connection: "psycopg.Connection[object]"
    client: Client
    user: User
    numbers: Iterator[int]
    connect: Callable[[], "psycopg.Connection[object]"]

    def another(self) -> "FeedTenant":
        """Return the tenant with another connection."""
        return replace(self, connection=self.connect())

    @property
    def _store(self) -> Store:
        return Store(self.connection)

    def sign_out(self) -> None:
        """Revoke a refresh token, and with it its family (RFC 7009)."""
        is_revoked = self._store.tokens.revoke(
            tenant_id=self.client.tenant_id,
            token_hash=_hash("refresh", next(self.numbers)),
            client_id=self.client.client_id,
            reason="sign_out",
        )
        _expect("revoked", "revoked" if is_revoked else "not revoked")

    def sign_out_by_hand(self) -> None:
        """Revoke a refresh token, and publish that in the same transaction."""
        with self.connection.transaction():
            self.sign_out()
            self._store.revocations.publish(
                tenant_id=self.client.tenant_id,
                category="authorization",
                target=str(uuid4()),
                reason="sign_out",
                expires_at=datetime.now(UTC) + _HOUR,
            )

    def refresh(self) -> None:
        """Replace the refresh token of a family."""
        _expect("redeemed", self._refresh(next(self.numbers)))

    def reuse(self) -> None:
        """Refresh twice with one token, which revokes its family."""
        number = next(self.numbers)
        _expect("redeemed", self._refresh(number))
        _expect("reused", self._refresh(number))

    def _refresh(self, number: int) -> str:
        access, refresh = (
            NewToken(hash=uuid4().bytes * 2, lifetime=_HOUR) for _ in range(2)
        )
        answer = self._store.redemptions.refresh(
            tenant_id=self.client.tenant_id,
            token_hash=_hash("refresh", number),
            client_id=self.client.client_id,
            redemption_id=uuid4(),
            access_token=access,
            refresh_token=refresh,
        )
        return str(answer.outcome)

    def sign_out_everywhere(self) -> None:
        """Move the epoch of the user."""
        self._store.users.revoke_tokens(
            tenant_id=self.client.tenant_id, user_id=self.user.id
        )


def open_tenant(
    stack: ExitStack, database: str, code: str, families: int
) -> FeedTenant:
    """Create a tenant, and connect as its service until the stack is closed."""
    settings = Settings(database_url=yoyo_url(database))
    with Maintenance.open(settings) as maintenance, maintenance.store() as store:
        tenant_id = store.tenants.create(code=code, display_name=code).id
    connection = _connect(stack, database, code, tenant_id)
    store = Store(connection)
    client = store.clients.create(
        tenant_id=tenant_id, client_id="app", client_type="confidential"
    )
    user = store.users.create(tenant_id=tenant_id, username="ann")
    with psycopg.connect(database) as dba:
        _make_families(dba, client, user, families)
    return FeedTenant(
        connection,
        client,
        user,
        count(1),
        lambda: _connect(stack, database, code, tenant_id),
    )


def _make_families(
    dba: "psycopg.Connection[object]", client: Client, user: User, last: int
) -> None:
    dba.execute(
        _FAMILIES,
        {
            "tenant_id": client.tenant_id,
            "client_uuid": client.id,
            "user_id": user.id,
            "last": last,
        },
    )


def _connect(
    stack: ExitStack, database: str, code: str, tenant_id: UUID
) -> "psycopg.Connection[object]":
    feed = "silent" if code.startswith("silent") else "on"
    connection = psycopg.connect(
        database,
        options=f"-c role=authority_app -c authority.tenant_id={tenant_id} "
        f"-c authority.feed={feed}",
        autocommit=True,
    )
    return stack.enter_context(connection)
