"""A user's service, which mypy checks in strict mode and the test runs.

`assert_type` fails the type checker, not the test, when a type is wider than stated.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import assert_type
from uuid import UUID, uuid4

from authority_queries import (
    AsyncAuthority,
    AsyncStore,
    Authority,
    Maintenance,
    NewToken,
    Settings,
    Store,
    mint_token,
)
from authority_queries.errors import DuplicateError
from authority_queries.records import (
    CodeIssuance,
    Redemption,
    RedemptionOutcome,
    RedemptionRedeemed,
    Tenant,
    User,
    VerifiedToken,
)
from authority_queries.repositories.values import Page
from authority_queries.service.migrations import yoyo_url
from tests.repositories.grant_helpers import CALLBACK, CHALLENGE, VERIFIER
from tests.stores import Logins


def register(authority: Authority, tenant_id: UUID, username: str) -> User | None:
    """Create a user. Return None when the name is taken."""
    try:
        with authority.tenant(tenant_id) as store:
            return store.users.create(tenant_id=tenant_id, username=username)
    except DuplicateError:
        return None


def first_page(authority: Authority, tenant_id: UUID) -> list[str]:
    with authority.tenant(tenant_id, autocommit=True) as store:
        assert_type(store, Store)
        page = store.users.list(tenant_id=tenant_id, status="active", page_size=10)
        assert_type(page, Page[User])
        assert_type(page.next, str | None)
        return [user.username for user in page.items]


async def introspect(
    authority: AsyncAuthority, tenant_id: UUID, token_hash: bytes
) -> VerifiedToken | None:
    async with authority.tenant(tenant_id, autocommit=True) as store:
        assert_type(store, AsyncStore)
        verified = await store.tokens.verify(tenant_id=tenant_id, token_hash=token_hash)
        assert_type(verified, VerifiedToken | None)
        return verified


async def authenticate(authority: AsyncAuthority, token: str) -> UUID | None:
    """Return the user of a token, as a resource server does."""
    verified = await authority.verify_token(token)
    assert_type(verified, VerifiedToken | None)
    return verified.user_id if verified else None


async def redeem(
    authority: AsyncAuthority, tenant_id: UUID, token_hash: bytes
) -> RedemptionOutcome:
    async with authority.tenant(tenant_id, autocommit=True) as store:
        redemption = await store.redemptions.redeem_code(
            tenant_id=tenant_id,
            token_hash=token_hash,
            client_id="app",
            redemption_id=uuid4(),
            redirect_uri=CALLBACK,
            code_verifier=VERIFIER,
            access_token=NewToken(
                hash=mint_token("access", tenant_id).hash, lifetime=timedelta(hours=1)
            ),
        )
        assert_type(redemption, Redemption)
        assert_type(redemption.access_token_id, UUID | None)
        assert_type(redemption.scopes, Sequence[str] | None)
        if redemption.outcome == "redeemed":
            assert_type(redemption, RedemptionRedeemed)
            assert_type(redemption.scopes, Sequence[str])
        return redemption.outcome


def create_tenant(maintenance: Maintenance) -> UUID:
    with maintenance.transaction() as store:
        tenant = store.tenants.create(code="acme", display_name="Acme")
        assert_type(tenant, Tenant)
        return tenant.id


def test_the_sample_caller_works(logins: Logins) -> None:
    operator = Settings(database_url=yoyo_url(logins.maintenance))
    service = Settings(database_url=yoyo_url(logins.app))
    with Maintenance.open(operator) as maintenance:
        tenant_id = create_tenant(maintenance)
    with Authority.open(service) as authority:
        assert_type(authority.find_tenant("acme"), UUID | None)
        assert authority.find_tenant("acme") == tenant_id
        assert register(authority, tenant_id, "ann") is not None
        assert register(authority, tenant_id, "ANN") is None
        assert first_page(authority, tenant_id) == ["ann"]

    async def play() -> None:
        code = mint_token("authorization_code", tenant_id)
        async with AsyncAuthority.open(service) as authority:
            async with authority.tenant(tenant_id) as store:
                await store.clients.create(
                    tenant_id=tenant_id,
                    client_id="app",
                    client_type="public",
                    consent_type="implicit",
                    redirect_uris=[CALLBACK],
                )
                ann = await store.users.get_by_username(
                    tenant_id=tenant_id, username="ann"
                )
                assert ann is not None
                issuance = await store.grants.issue_code(
                    tenant_id=tenant_id,
                    token_hash=code.hash,
                    client_id="app",
                    user_id=ann.id,
                    authenticated_at=None,
                    redirect_uri=CALLBACK,
                    code_challenge=CHALLENGE,
                )
                assert_type(issuance, CodeIssuance)
                assert issuance.outcome == "issued"
            assert await introspect(authority, tenant_id, code.hash) is None
            assert await redeem(authority, tenant_id, code.hash) == "redeemed"
            assert await redeem(authority, tenant_id, code.hash) == "reused"
            assert await authenticate(authority, code.token) is None

    asyncio.run(play())
