"""A signed-in user, and what can happen to its tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg

from authority_queries import Store
from authority_queries.records import (
    Client,
    Token,
    User,
    VerifiedToken,
)
from authority_queries.secrets import TokenString
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_tenant,
    make_token,
    make_user,
)

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
THUMBPRINT = "A" * 43


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """An access token of a user, under an authorization."""

    client: Client
    user: User
    minted: TokenString
    token: Token

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id


def sign_in(store: Store, **fields: Any) -> SignIn:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    family = make_authorization(store, client, user_id=user.id)
    minted, token = make_token(
        store, client, user_id=user.id, authorization_id=family.id, **fields
    )
    return SignIn(client=client, user=user, minted=minted, token=token)


def age(dba: Dba, token: Token, by: timedelta) -> None:
    dba.execute(
        "update authority.tokens set created_at = created_at - %(by)s::interval, "
        "authenticated_at = authenticated_at - %(by)s::interval, "
        "expires_at = expires_at - %(by)s::interval where id = %(id)s",
        {"id": token.id, "by": by},
    )


def redeem(store: Store, client: Client, minted: TokenString) -> None:
    """Redeem an authorization code."""
    result = store.tokens.redeem(
        tenant_id=client.tenant_id,
        token_hash=minted.hash,
        type="authorization_code",
        client_id=client.client_id,
        redemption_id=uuid4(),
    )
    assert result.outcome == "redeemed"


def active_ids(store: Store, client: Client, **page: Any) -> list[UUID]:
    tokens = store.tokens.list_active_by_client(
        tenant_id=client.tenant_id, client_id=client.id, **page
    )
    return [token.id for token in tokens]


def verify(store: Store, minted: TokenString) -> VerifiedToken | None:
    return store.tokens.verify(tenant_id=minted.tenant_id, token_hash=minted.hash)


def revoke(store: Store, at: SignIn) -> bool:
    return store.tokens.revoke_by_id(
        tenant_id=at.tenant_id, token_id=at.token.id, reason="stolen"
    )


def revoke_authorization(store: Store, token: Token) -> bool:
    assert token.authorization_id is not None
    return store.authorizations.revoke(
        tenant_id=token.tenant_id,
        authorization_id=token.authorization_id,
        reason="consent withdrawn",
    )


def set_user_status(dba: Dba, user: User, status: str) -> None:
    dba.execute(
        "update authority.users set status = %s where id = %s", [status, user.id]
    )


def disable_client(dba: Dba, client: Client) -> None:
    dba.execute(
        "update authority.clients set enabled = false where id = %s", [client.id]
    )


# Each single reason for which a token is dead.
DEATHS: dict[str, Callable[[Store, Dba, SignIn], object]] = {
    "expired": lambda _, dba, at: age(dba, at.token, HOUR),
    "revoked": lambda s, _, at: revoke(s, at),
    "authorization revoked": lambda s, _, at: revoke_authorization(s, at.token),
    "client disabled": lambda _, dba, at: disable_client(dba, at.client),
    "user suspended": lambda _, dba, at: set_user_status(dba, at.user, "suspended"),
    "user pending": lambda _, dba, at: set_user_status(dba, at.user, "pending"),
    "epoch moved": lambda s, _, at: s.users.revoke_tokens(
        tenant_id=at.tenant_id, user_id=at.user.id
    ),
    "tenant suspended": lambda s, _, at: s.tenants.suspend(tenant_id=at.tenant_id),
    "tenant terminated": lambda s, _, at: s.tenants.terminate(tenant_id=at.tenant_id),
}
