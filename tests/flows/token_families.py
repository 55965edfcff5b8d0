"""Families of tokens for races, and what remains of them."""

from datetime import timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import psycopg

from authority_queries import NewToken, Store, mint_token
from authority_queries.records import Client, Redemption
from authority_queries.secrets import TokenString
from tests.factories import HOUR, make_client, make_tenant, make_token, make_user

Dba: TypeAlias = "psycopg.Connection[Any]"
CALLBACK = "https://app.example/cb"


class Families(NamedTuple):
    """What remains of all families of a database.

    `live` families can still be refreshed, by the refresh tokens `branches`. A fork is
    a token with two successors of a type, or a family with two refresh tokens that
    nobody has redeemed, alive or not. `halves` are used-up tokens without two
    successors, or tokens with successors that are not used up.
    """

    live: int
    branches: int
    forks: int
    halves: int


_COUNT = """
select
    (
        select count(distinct authorization_id) from authority.live_tokens
        where type = 'refresh'
    ),
    (select count(*) from authority.live_tokens where type = 'refresh'),
    (
        select count(*) from (
            select from authority.tokens where parent_id is not null
            group by parent_id, type having count(*) > 1
            union all
            select from authority.tokens where type = 'refresh' and redeemed_at is null
            group by authorization_id having count(*) > 1
        ) as forks
    ),
    (
        select count(*)
        from authority.tokens
        full join (
            select parent_id, count(*) as size from authority.tokens
            where parent_id is not null group by parent_id
        ) as successors on successors.parent_id = tokens.id
        where coalesce(successors.size, 0)
            <> case when tokens.redeemed_at is null then 0 else 2 end
    )
"""


def count_families(dba: Dba) -> Families:
    row = dba.execute(_COUNT).fetchone()
    assert row is not None
    return Families(*row)


def successor(tenant_id: UUID, lifetime: timedelta = HOUR) -> NewToken:
    return NewToken(hash=mint_token("refresh", tenant_id).hash, lifetime=lifetime)


def make_app(store: Store) -> Client:
    """Create a client that may use the code grant without asking the user."""
    return make_client(
        store,
        make_tenant(store).id,
        redirect_uris=[CALLBACK],
        consent_type="implicit",
    )


def issue_codes(store: Store, client: Client, count: int) -> list[TokenString]:
    user = make_user(store, client.tenant_id)
    codes = [mint_token("access", client.tenant_id) for _ in range(count)]
    for code in codes:
        issued = store.grants.issue_code(
            tenant_id=client.tenant_id,
            token_hash=code.hash,
            client_id=client.client_id,
            user_id=user.id,
            authenticated_at=None,
            redirect_uri=CALLBACK,
            lifetime=timedelta(minutes=10),
        )
        assert issued.outcome == "issued"
    return codes


def make_families(store: Store, client: Client, count: int) -> list[TokenString]:
    """Return the refresh tokens of new families of one user."""
    user = make_user(store, client.tenant_id)
    return [
        make_token(store, client, "refresh", user_id=user.id)[0] for _ in range(count)
    ]


def redeem_code(
    store: Store, client: Client, code: TokenString, request: UUID
) -> Redemption:
    return store.redemptions.redeem_code(
        tenant_id=client.tenant_id,
        token_hash=code.hash,
        client_id=client.client_id,
        redemption_id=request,
        redirect_uri=CALLBACK,
        access_token=successor(client.tenant_id),
        refresh_token=successor(client.tenant_id),
    )


def refresh(
    store: Store, client: Client, token: TokenString, request: UUID, **options: Any
) -> Redemption:
    """Refresh; without a given successor, with a new one."""
    successors = {
        "access_token": successor(client.tenant_id),
        "refresh_token": successor(client.tenant_id),
    }
    return store.redemptions.refresh(
        tenant_id=client.tenant_id,
        token_hash=token.hash,
        client_id=client.client_id,
        redemption_id=request,
        **{**successors, **options},
    )
