"""Tokens and passwords of the store that a tenant came from, at the endpoints."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from authority_queries import Authority, Maintenance, tag_foreign_hash
from authority_queries.contrib.fastapi import ResourceServer
from authority_queries.contrib.oauth import Provider
from authority_queries.errors import InvalidArgumentError
from authority_queries.records import Client, User
from authority_queries.testing import SampleTenant
from tests.contrib.flows import basic, bearer, body, error, get, post

pytestmark = pytest.mark.one_version

HOUR = timedelta(hours=1)
OLD: Mapping[str, str] = {
    "access": "an-access-token-of-the-old-store",
    "refresh": "a-refresh-token-of-the-old-store",
}


@pytest.fixture
def _imported(
    authority_tenant: SampleTenant,
    authority_maintenance: Maintenance,
    app: Client,
    ann: User,
) -> None:
    """Two tokens that came with the tenant."""
    with authority_maintenance.store() as store:
        store.tenants.accept_foreign_tokens(
            tenant_id=authority_tenant.id, lifetime=HOUR
        )
    with authority_tenant.unit() as store:
        family = store.authorizations.create(
            tenant_id=authority_tenant.id,
            client_uuid=app.id,
            user_id=ann.id,
            scopes=["openid"],
        )
        for kind in ("access", "refresh"):
            store.tokens.create(
                tenant_id=authority_tenant.id,
                type=kind,
                token_hash=tag_foreign_hash(sha256(OLD[kind].encode()).digest()),
                client_uuid=app.id,
                user_id=ann.id,
                authorization_id=family.id,
                scopes=["openid"],
                lifetime=HOUR,
            )


@pytest.fixture
def accepting(_imported: None, provider: Provider, authority: Authority) -> Provider:
    """An issuer that accepts them."""
    settings = replace(provider.settings, accepts_foreign_tokens=True)
    return Provider(authority, provider.tenant_id, settings)


def introspected(
    provider: Provider, tenant: SampleTenant, token: str
) -> Mapping[str, object]:
    request = post("/introspect", token=token)
    asking = replace(request, headers=[basic("api", "swordfish")])
    return body(provider.introspection.answer(asking))


def test_endpoints_accept_them_where_the_settings_say_so(
    provider: Provider, accepting: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    authority_tenant.client("api", secret="swordfish")
    asking = replace(get("/userinfo"), headers=[bearer(OLD["access"])])
    refresh = post(
        "/token",
        grant_type="refresh_token",
        client_id="app",
        refresh_token=OLD["refresh"],
    )
    assert error(provider.userinfo.answer(asking), 401) == "invalid_token"
    assert error(provider.token.answer(refresh)) == "invalid_grant"
    assert body(accepting.userinfo.answer(asking))["sub"] == ann.subject_id
    found = introspected(accepting, authority_tenant, OLD["access"])
    assert (found["active"], found["client_id"]) == (True, "app")
    assert introspected(provider, authority_tenant, OLD["access"]) == {"active": False}
    own = body(accepting.token.answer(refresh))
    assert str(own["refresh_token"]).startswith("aq_")
    again = body(accepting.token.answer(refresh))  # the answer was lost
    assert again["refresh_token"] == own["refresh_token"]


def test_a_client_revokes_them(
    accepting: Provider, authority: Authority, authority_tenant: SampleTenant
) -> None:
    def is_live() -> bool:
        found = authority.verify_token(
            OLD["access"], tenant_id=authority_tenant.id, foreign=True
        )
        return found is not None

    assert is_live()
    revoke = post("/revoke", token=OLD["access"], client_id="app")
    assert accepting.revocation.answer(revoke).status == 200
    assert not is_live()


def test_an_api_that_accepts_them_names_its_tenant() -> None:
    with pytest.raises(InvalidArgumentError, match="foreign needs a tenant_id"):
        ResourceServer(origin="https://api.example", foreign=True)
