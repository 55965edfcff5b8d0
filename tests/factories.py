"""Factories of rows. They fill in the values that a test does not set."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from authority_queries import NewToken, Store, mint_token
from authority_queries.records import (
    Authorization,
    Client,
    ClientSecret,
    Consent,
    License,
    PushedRequest,
    ServiceAccount,
    Session,
    Tenant,
    Token,
    TokenType,
    User,
)
from authority_queries.secrets import TokenString, hash_user_code, mint_user_code

_numbers = count(1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# A valid PHC string that no password matches.
PHC = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"


def make_tenant(store: Store, **fields: Any) -> Tenant:
    defaults = {"code": f"tenant-{next(_numbers)}", "display_name": "A tenant"}
    return store.tenants.create(**{**defaults, **fields})


def make_user(store: Store, tenant_id: UUID, **fields: Any) -> User:
    defaults = {"username": f"user-{next(_numbers)}"}
    return store.users.create(tenant_id=tenant_id, **{**defaults, **fields})


def make_client(store: Store, tenant_id: UUID, **fields: Any) -> Client:
    defaults = {"client_id": f"client-{next(_numbers)}", "client_type": "confidential"}
    return store.clients.create(tenant_id=tenant_id, **{**defaults, **fields})


def make_client_secret(store: Store, client: Client, **fields: Any) -> ClientSecret:
    return store.client_secrets.add(
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        **{"secret_hash": PHC, **fields},
    )


def make_service_account(
    store: Store, tenant_id: UUID, **fields: Any
) -> ServiceAccount:
    defaults = {"account_id": f"account-{next(_numbers)}"}
    return store.service_accounts.create(tenant_id=tenant_id, **{**defaults, **fields})


def make_consent(store: Store, client: Client, user: User, **fields: Any) -> Consent:
    defaults = {"scopes": ["openid", "email"]}
    return store.consents.grant(
        tenant_id=client.tenant_id,
        user_id=user.id,
        client_id=client.client_id,
        **{**defaults, **fields},
    )


def make_authorization(store: Store, client: Client, **fields: Any) -> Authorization:
    return store.authorizations.create(
        tenant_id=client.tenant_id, client_uuid=client.id, **fields
    )


def make_session(
    store: Store, user: User, **fields: Any
) -> tuple[TokenString, Session]:
    """Return the cookie of a new session, and the session."""
    cookie = mint_token("session", user.tenant_id)
    session = store.sessions.start(
        tenant_id=user.tenant_id,
        **{
            "cookie_hash": cookie.hash,
            "user_id": user.id,
            "authenticated_at": None,
            **fields,
        },
    )
    assert session is not None
    return cookie, session


def make_token(
    store: Store, client: Client, type: TokenType = "access", **fields: Any
) -> tuple[TokenString, Token]:
    """Store a token. Tokens other than access tokens get a new family by default."""
    minted = mint_token("access", client.tenant_id)
    if type != "access" and "authorization_id" not in fields:
        subject = {
            key: fields[key]
            for key in ("user_id", "service_account_id")
            if key in fields
        }
        fields["authorization_id"] = make_authorization(store, client, **subject).id
    token = store.tokens.create(
        tenant_id=client.tenant_id,
        type=type,
        client_uuid=client.id,
        **{
            "token_hash": minted.hash,
            "lifetime": MINUTE if type == "authorization_code" else HOUR,
            **fields,
        },
    )
    return minted, token


def make_pushed_request(
    store: Store, client: Client, **fields: Any
) -> tuple[TokenString, PushedRequest]:
    minted = mint_token("request_uri", client.tenant_id)
    defaults = {
        "request_uri_hash": minted.hash,
        "parameters": {"response_type": "code", "scope": "openid"},
    }
    request = store.pushed_requests.create(
        tenant_id=client.tenant_id, client_id=client.client_id, **{**defaults, **fields}
    )
    return minted, request


def make_device(
    store: Store, client: Client, **fields: Any
) -> tuple[TokenString, bytes]:
    """Store a device's request. Return its device code and its user code's hash."""
    minted = mint_token("device_code", client.tenant_id)
    user_code_hash = hash_user_code(client.tenant_id, mint_user_code())
    created = store.device_authorizations.create(
        tenant_id=client.tenant_id,
        client_id=client.client_id,
        **{
            "device_code_hash": minted.hash,
            "user_code_hash": user_code_hash,
            **fields,
        },
    )
    assert created.outcome == "created"
    return minted, user_code_hash


def new_token(minted: TokenString, lifetime: timedelta = HOUR) -> NewToken:
    """Return the argument of a redemption that issues the token with this string."""
    return NewToken(hash=minted.hash, lifetime=lifetime)


def make_license(
    store: Store, tenant_id: UUID, **fields: Any
) -> tuple[TokenString, License]:
    key = mint_token("license_key", tenant_id)
    defaults = {"key_hash": key.hash, "plan": "team"}
    license_ = store.licenses.create(tenant_id=tenant_id, **{**defaults, **fields})
    return key, license_
