"""A signed-in user, and calls that take its token."""

from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import psycopg

from authority_queries import Store
from authority_queries.queries import tokens
from authority_queries.records import (
    Client,
    Token,
    TokenDiagnosis,
    TokenType,
    User,
    VerifiedToken,
)
from authority_queries.secrets import TokenString
from tests.factories import (
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
    family = make_authorization(
        store, client, user_id=user.id, acr="silver", amr=["pwd", "otp"]
    )
    minted, token = make_token(
        store, client, user_id=user.id, authorization_id=family.id, **fields
    )
    return SignIn(client=client, user=user, minted=minted, token=token)


def active_ids(store: Store, client: Client, **page: Any) -> list[UUID]:
    page_of_tokens = store.tokens.list_active_by_client(
        tenant_id=client.tenant_id, client_uuid=client.id, **page
    ).items
    return [token.id for token in page_of_tokens]


def verify(
    store: Store, minted: TokenString, type: TokenType = "access"
) -> VerifiedToken | None:
    """Verify the token by the view, and if synchronous by the function too."""
    by_view = store.tokens.verify(
        tenant_id=minted.tenant_id, token_hash=minted.hash, type=type
    )
    if isinstance(store.connection, psycopg.Connection):
        by_function = tokens.verify_by_token(
            store.connection,
            tenant_id=minted.tenant_id,
            token_hash=minted.hash,
            type=type,
            resource=None,
        )
        assert by_function == by_view
    return by_view


def diagnose(store: Store, minted: TokenString) -> TokenDiagnosis:
    found = store.tokens.diagnose(tenant_id=minted.tenant_id, token_hash=minted.hash)
    assert found is not None
    return found


def revoke(store: Store, token: Token) -> bool:
    return store.tokens.revoke_by_id(
        tenant_id=token.tenant_id, token_id=token.id, reason="stolen"
    )
