"""A service as a user would write it, checked in strict mode and run.

`assert_type` fails the type checker, not the test, when a type is wider than it says.
"""

import asyncio
from datetime import timedelta
from typing import assert_type
from uuid import UUID, uuid4

from authority_queries import AsyncAuthority, Authority, Settings, mint_token
from authority_queries.errors import DuplicateError
from authority_queries.migrations import yoyo_url
from authority_queries.records import (
    Tenant,
    User,
    VerifiedToken,
)
from authority_queries.results import (
    Page,
    Redemption,
)


def register(authority: Authority, tenant_id: UUID, username: str) -> User | None:
    """Create a user, or give None when the name is taken."""
    with authority.transaction() as store:
        try:
            return store.users.create(tenant_id=tenant_id, username=username)
        except DuplicateError:
            return None


def first_page(authority: Authority, tenant_id: UUID) -> list[str]:
    with authority.store() as store:
        page = store.users.list(tenant_id=tenant_id, status="active", limit=10)
        assert_type(page, Page[User])
        assert_type(page.next, str | None)
        return [user.username for user in page.items]


async def introspect(
    authority: AsyncAuthority, tenant_id: UUID, token_hash: bytes
) -> VerifiedToken | None:
    async with authority.store() as store:
        verified = await store.tokens.verify(tenant_id=tenant_id, token_hash=token_hash)
        assert_type(verified, VerifiedToken | None)
        return verified


async def redeem(authority: AsyncAuthority, tenant_id: UUID, token_hash: bytes) -> str:
    async with authority.transaction() as store:
        redemption = await store.tokens.redeem(
            tenant_id=tenant_id,
            token_hash=token_hash,
            type="authorization_code",
            client_id="app",
            redemption_id=uuid4(),
        )
        assert_type(redemption, Redemption)
        return redemption.outcome


def test_the_sample_caller_works(conninfo: str) -> None:
    settings = Settings(database_url=yoyo_url(conninfo))
    with Authority.open(settings) as authority:
        with authority.store() as store:
            tenant = store.tenants.create(code="acme", display_name="Acme")
            assert_type(tenant, Tenant)
        assert register(authority, tenant.id, "ann") is not None
        assert register(authority, tenant.id, "ANN") is None
        assert first_page(authority, tenant.id) == ["ann"]

    async def play() -> None:
        code = mint_token("authorization_code", tenant.id)
        async with AsyncAuthority.open(settings) as authority:
            async with authority.store() as store:
                client = await store.clients.create(
                    tenant_id=tenant.id, client_id="app", client_type="public"
                )
                family = await store.authorizations.create(
                    tenant_id=tenant.id, client_id=client.id
                )
                await store.tokens.create(
                    tenant_id=tenant.id,
                    type="authorization_code",
                    token_hash=code.hash,
                    client_id=client.id,
                    authorization_id=family.id,
                    lifetime=timedelta(minutes=1),
                )
            assert await introspect(authority, tenant.id, code.hash) is None
            assert await redeem(authority, tenant.id, code.hash) == "redeemed"
            assert await redeem(authority, tenant.id, code.hash) == "reused"

    asyncio.run(play())
