"""examples/openid_provider."""

import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from fastapi import FastAPI

from authority_queries import (
    Authority,
    Settings,
    Store,
    hash_client_secret,
    mint_token,
)
from authority_queries.service.migrations import yoyo_url
from benchmarks.compared import authority
from benchmarks.served.held import ACCESS, LIFETIME, SCOPE, Held, database, host
from examples.openid_provider.app import make_app

TENANT: Final = "t0"
_LIFETIME: Final = timedelta(seconds=LIFETIME)


def prepare(database: str, tokens: int, refresh: int) -> Held:
    """Create and fill the database."""
    authority.prepare(database, tokens)
    return enroll(database, refresh)


def enroll(database: str, refresh: int) -> Held:
    """Create the clients and their tokens beside the rows of benchmarks.growth."""
    with Authority.open(settings_of(database)) as opened:
        tenant_id = opened.find_tenant(TENANT)
        if tenant_id is None:
            message = f"no tenant {TENANT}"
            raise LookupError(message)
        with opened.tenant(tenant_id) as store:
            store.scopes.create(tenant_id=tenant_id, name=SCOPE)
            minted = mint_token("client_secret", tenant_id).token
            chosen = secrets.token_urlsafe(32)
            client_uuid = _create_client(store, tenant_id, "caller", minted)
            _create_client(store, tenant_id, "chosen", chosen)
            return Held(
                client=("caller", minted),
                hashed=("chosen", chosen),
                access=[_token(store, tenant_id, client_uuid) for _ in range(ACCESS)],
                refresh=[
                    _token(store, tenant_id, client_uuid, is_refresh=True)
                    for _ in range(refresh)
                ],
            )


def settings_of(database: str) -> Settings:
    """Return the settings of a service, which are the defaults."""
    return Settings(database_url=yoyo_url(database))


def app() -> FastAPI:
    """Return the example with the sample's tenant."""
    return make_app(settings_of(database()), "http", {host(): TENANT})


def _create_client(store: Store, tenant_id: UUID, client_id: str, secret: str) -> UUID:
    client = store.clients.create(
        tenant_id=tenant_id,
        client_id=client_id,
        client_type="confidential",
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 -- a method
    )
    store.client_secrets.add(
        tenant_id=tenant_id,
        client_uuid=client.id,
        secret_hash=hash_client_secret(secret),
    )
    return client.id


def _token(
    store: Store, tenant_id: UUID, client_uuid: UUID, *, is_refresh: bool = False
) -> str:
    """Return a token of a user, of a family of its own."""
    user = store.users.get_by_username(tenant_id=tenant_id, username="user0")
    if user is None:
        message = "no user user0"
        raise LookupError(message)
    family = store.authorizations.create(
        tenant_id=tenant_id,
        client_uuid=client_uuid,
        user_id=user.id,
        scopes=[SCOPE],
        lifetime=10 * _LIFETIME,
    )
    minted = mint_token("refresh" if is_refresh else "access", tenant_id)
    store.tokens.create(
        tenant_id=tenant_id,
        type="refresh" if is_refresh else "access",
        token_hash=minted.hash,
        client_uuid=client_uuid,
        user_id=user.id,
        authorization_id=family.id,
        scopes=[SCOPE],
        lifetime=_LIFETIME,
    )
    return minted.token
