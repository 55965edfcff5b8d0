"""The life of a tenant from its first user to its last. It writes each table."""

from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID, uuid4

from authority_queries import (
    Keyring,
    NewToken,
    Store,
    mint_signing_key,
    mint_token,
)
from authority_queries.queries import tokens
from authority_queries.records import Client, User
from authority_queries.secrets import TokenKind
from tests.factories import (
    HOUR,
    make_client,
    make_client_secret,
    make_device,
    make_license,
    make_pushed_request,
    make_service_account,
    make_session,
    make_token,
    make_user,
)
from tests.repositories.grant_helpers import CHALLENGE, redeem_uncommitted

KINDS: tuple[TokenKind, ...] = ("authorization_code", "refresh", "access")
ADDRESS = IPv4Address("192.0.2.1")


def live(store: Store, tenant_id: UUID) -> None:
    """Create, use, change and delete all objects of a tenant, cascades included."""
    _sign_in(store, tenant_id)
    _use_a_license(store, tenant_id)
    user = make_user(store, tenant_id, username="Ann")
    role = store.roles.create(
        tenant_id=tenant_id, name="team", permissions=["users:read"]
    )
    store.user_roles.assign(tenant_id=tenant_id, user_id=user.id, role_id=role.id)
    assert store.users.list_by_role(tenant_id=tenant_id, role_id=role.id).items
    assert store.roles.list_user_permissions(tenant_id=tenant_id, user_id=user.id).items
    client = make_client(store, tenant_id, redirect_uris=["https://app.example/cb"])
    make_client_secret(store, client)
    assert store.client_secrets.list_live(
        tenant_id=tenant_id, client_id=client.client_id
    )
    _use_a_session(store, user)
    _use_tokens(store, client, user.id)
    _push_a_request(store, client)
    _use_a_signing_key(store, tenant_id)
    _use_a_device(store, client, user.id)
    assert store.users.delete(tenant_id=tenant_id, user_id=user.id)
    assert store.roles.delete(tenant_id=tenant_id, role_id=role.id)
    account = make_service_account(
        store,
        tenant_id,
        authorized_client_uuids=[client.id],
        allowed_scopes=["api.read"],
    )
    issued = store.grants.issue_to_client(
        tenant_id=tenant_id,
        token_hash=mint_token("access", tenant_id).hash,
        client_id=client.client_id,
        service_account_id=account.id,
        scopes=["api.read"],
        lifetime=HOUR,
    )
    assert issued.outcome == "issued"
    make_token(store, client, "refresh", service_account_id=account.id)
    assert store.service_accounts.delete(
        tenant_id=tenant_id, service_account_id=account.id
    )
    assert store.clients.delete(tenant_id=tenant_id, client_uuid=client.id)
    store.revocations.publish(
        tenant_id=tenant_id, category="subject", target="ann", reason="gone"
    )
    scope = store.scopes.create(tenant_id=tenant_id, name="calendar")
    assert store.scopes.delete(tenant_id=tenant_id, scope_id=scope.id)


def _use_a_session(store: Store, user: User) -> None:
    ids: dict[str, Any] = {"tenant_id": user.tenant_id}
    cookie, session = make_session(store, user)
    assert store.sessions.verify(**ids, cookie_hash=cookie.hash)
    stepped = store.sessions.step_up(
        **ids,
        cookie_hash=cookie.hash,
        new_cookie_hash=mint_token("session", user.tenant_id).hash,
        authenticated_at=None,
    )
    assert stepped is not None
    store.sessions.list_clients(**ids, session_id=session.id)
    assert store.sessions.list_by_user(**ids, user_id=user.id).items
    assert store.sessions.end(**ids, session_id=session.id, reason="signed_out")
    store.logout_notices.claim(**ids)


def _use_tokens(store: Store, client: Client, user_id: UUID) -> None:
    tenant_id = client.tenant_id
    minted = {kind: mint_token(kind, tenant_id) for kind in KINDS}
    code, refresh, access = (minted[kind] for kind in KINDS)
    consent: dict[str, Any] = {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "client_id": client.client_id,
    }
    store.consents.grant(**consent, scopes=["openid", "email"])
    issued = store.grants.issue_code(
        tenant_id=tenant_id,
        token_hash=code.hash,
        client_id=client.client_id,
        user_id=user_id,
        authenticated_at=None,
        scopes=["openid"],
        code_challenge=CHALLENGE,
    )
    assert issued.outcome == "issued"
    # The store does this only in a transaction of its own.
    redeem = partial(redeem_uncommitted, store.connection, client_id=client.client_id)
    redeemed = redeem(
        code,
        type="authorization_code",
        code_challenge=CHALLENGE,
        access_token_hash=access.hash,
        refresh_token_hash=refresh.hash,
    )
    assert redeemed.outcome == "redeemed"
    verified = tokens.verify_by_token(
        store.connection,
        tenant_id=tenant_id,
        token_hash=access.hash,
        type="access",
        resource=None,
    )
    assert verified is not None
    other = mint_token("access", tenant_id)
    exchanged = store.exchanges.exchange(
        tenant_id=tenant_id,
        client_id=client.client_id,
        token_hash=other.hash,
        subject_token_hash=access.hash,
        actor_token_hash=access.hash,
        lifetime=HOUR,
    )
    assert exchanged.outcome == "issued"
    # This reads the tokens behind it, too.
    assert store.tokens.verify(tenant_id=tenant_id, token_hash=other.hash)
    for outcome in ("redeemed", "reused"):
        assert redeem(refresh, type="refresh").outcome == outcome
    assert store.consents.narrow(**consent, scopes=["openid"])
    assert store.consents.revoke(**consent, reason="withdrawn")
    assert store.users.revoke_tokens(tenant_id=tenant_id, user_id=user_id)
    assert store.clients.revoke_tokens(tenant_id=tenant_id, client_uuid=client.id)


def _use_a_signing_key(store: Store, tenant_id: UUID) -> None:
    key, keyring = (
        mint_signing_key("ES256"),
        Keyring(current="k", keys={"k": bytes(32)}),
    )
    ids: dict[str, Any] = {"tenant_id": tenant_id}
    published = store.signing_keys.publish(**ids, key=key, keyring=keyring)
    assert published.outcome == "signing"
    signing = store.signing_keys.get_signing(**ids, alg="ES256", keyring=keyring)
    assert signing == key
    assert store.signing_keys.get_jwks(**ids).document
    withdrawn = store.signing_keys.withdraw_compromised(**ids, kid=key.kid)
    assert withdrawn.outcome == "compromised"


def _push_a_request(store: Store, client: Client) -> None:
    ids = {"tenant_id": client.tenant_id}
    assert store.used_jtis.use(
        **ids,
        kind="client_assertion",
        issuer=client.client_id,
        jti="first",
        expires_at=datetime.now(UTC) + HOUR,
    )
    reference, _ = make_pushed_request(store, client)
    assert store.pushed_requests.redeem(
        **ids,
        request_uri_hash=reference.hash,
        client_id=client.client_id,
        redemption_id=uuid4(),
    )


def _use_a_device(store: Store, client: Client, user_id: UUID) -> None:
    tenant_id, devices = client.tenant_id, store.device_authorizations
    store.consents.grant(
        tenant_id=tenant_id, user_id=user_id, client_id=client.client_id, scopes=[]
    )
    code, user_code = make_device(store, client)
    polled = devices.poll(
        tenant_id=tenant_id, device_code_hash=code.hash, client_id=client.client_id
    )
    assert polled.outcome == "authorization_pending"
    approval = devices.approve(
        tenant_id=tenant_id,
        user_code_hash=user_code,
        user_id=user_id,
        authenticated_at=None,
    )
    assert approval.outcome == "approved"
    assert not devices.deny(
        tenant_id=tenant_id, user_code_hash=user_code, user_id=user_id
    )
    access = mint_token("access", tenant_id)
    redemption = store.redemptions.redeem_device_code(
        tenant_id=tenant_id,
        token_hash=code.hash,
        client_id=client.client_id,
        redemption_id=uuid4(),
        access_token=NewToken(hash=access.hash, lifetime=HOUR),
    )
    assert redemption.outcome == "redeemed"


def _use_a_license(store: Store, tenant_id: UUID) -> None:
    key, license_ = make_license(store, tenant_id, seats=2, limits={"calls": 10})
    ids = {"tenant_id": tenant_id, "license_id": license_.id}
    store.license_seats.check_out(**ids, holder="ann", lease=timedelta(minutes=1))
    store.license_usage.record(
        **ids, metric="calls", quantity=1, idempotency_key="first"
    )
    validation = store.licenses.validate(tenant_id=tenant_id, key_hash=key.hash)
    assert validation is not None
    assert validation.seats_taken == 1


def _sign_in(store: Store, tenant_id: UUID) -> None:
    store.login_attempts.reserve(
        tenant_id=tenant_id, username="Ann", address=ADDRESS, factor="password"
    )
    store.login_attempts.record(
        tenant_id=tenant_id, username="Ann", address=ADDRESS, outcome="failed"
    )
    store.login_attempts.succeed(
        tenant_id=tenant_id, username="Ann", address=ADDRESS, factor="password"
    )
