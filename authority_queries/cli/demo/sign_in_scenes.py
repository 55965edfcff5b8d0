"""Scenes of a provider: sessions, second factors, signing keys, mails, erasure."""

import time
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from authority_queries.cli.demo.narrator import Narrator, Step
from authority_queries.cli.demo.sample import Sample
from authority_queries.credentials import hash_password, verify_password
from authority_queries.credentials.totp import mint_totp_secret
from authority_queries.errors import NotFoundError
from authority_queries.records import LiveSession, User
from authority_queries.repositories._sync.store import Store
from authority_queries.secrets import TokenString, mint_token
from authority_queries.secrets.encryption import Keyring
from authority_queries.secrets.key_pairs import mint_signing_key
from authority_queries.service._sync.authority import Authority
from authority_queries.service._sync.maintenance import Maintenance

# A real one comes from a secret manager.
_KEYRING: Final = Keyring(
    current="demo", keys={"demo": b"32 octets of your secret manager"}
)
_BACK_CHANNEL: Final = timedelta(minutes=5)
_NEWCOMER: Final = "dora"


def sign_in_with_two_factors(
    store: Store, narrator: Narrator, acme: Sample, ann: User
) -> None:
    """Open a session, step up with a TOTP code, sign out, and notify the client."""
    of_ann: dict[str, Any] = {"tenant_id": ann.tenant_id, "user_id": ann.id}
    with narrator.step("Open a session, add a second factor, sign out") as step:
        cookie = _start(store, step, ann)
        _enroll(store, step, of_ann)
        session = _step_up(store, step, ann, cookie)
        code = mint_token("authorization_code", ann.tenant_id)
        client = acme.client(store, "acme-web")
        issued = store.grants.issue_code(
            tenant_id=ann.tenant_id,
            token_hash=code.hash,
            client_id=client.client_id,
            user_id=ann.id,
            session_id=session.id,
            authenticated_at=None,
            scopes=["openid"],
            redirect_uri=client.redirect_uris[0],
            code_challenge="x" * 43,
            acr_values=["urn:demo:two-factors"],
            family_lifetime=timedelta(hours=12),
        )
        step.row("a code for two factors", issued.outcome)
        _sign_out(store, step, session)
        dead = store.tokens.diagnose(tenant_id=ann.tenant_id, token_hash=code.hash)
        step.row("the code after that", str(dead and dead.dead_because))


def _start(store: Store, step: Step, ann: User) -> TokenString:
    cookie = mint_token("session", ann.tenant_id)
    store.sessions.start(
        tenant_id=ann.tenant_id,
        cookie_hash=cookie.hash,
        user_id=ann.id,
        authenticated_at=None,
        acr="urn:demo:password",
        amr=["pwd"],
    )
    step.row("a session", f"cookie {cookie.token[:12]}…, stored as SHA-256")
    return cookie


def _enroll(store: Store, step: Step, of_ann: dict[str, Any]) -> None:
    for old in store.user_credentials.list_by_user(**of_ann):
        if old.kind == "totp" and old.id is not None:
            store.totp_credentials.delete(**of_ann, totp_credential_id=old.id)
    step.row("TOTP secrets of earlier runs", "deleted")
    secret = mint_totp_secret()
    store.totp_credentials.enroll(**of_ann, secret=secret, keyring=_KEYRING)
    step.row("a TOTP secret", "stored encrypted, pending")
    now = int(time.time()) // 30
    typed: dict[str, Any] = {**of_ann, "keyring": _KEYRING}
    first = store.totp_credentials.confirm(**typed, code=secret.code(now))
    step.row("its first code", first.outcome)
    for what in ("the next code", "the same code again"):
        use = store.totp_credentials.check(**typed, code=secret.code(now + 1))
        step.row(what, use.outcome)


def _step_up(store: Store, step: Step, ann: User, cookie: TokenString) -> LiveSession:
    renewed = mint_token("session", ann.tenant_id)
    store.sessions.step_up(
        tenant_id=ann.tenant_id,
        cookie_hash=cookie.hash,
        new_cookie_hash=renewed.hash,
        authenticated_at=None,
        acr="urn:demo:two-factors",
        amr=["pwd", "otp", "mfa"],
    )
    old, new = (
        store.sessions.verify(tenant_id=ann.tenant_id, cookie_hash=each.hash)
        for each in (cookie, renewed)
    )
    if new is None:
        message = "the session has ended: Ann was suspended or signed out"
        raise NotFoundError(message)
    step.row("the old cookie", "no session" if old is None else "a session")
    step.row("the new cookie", f"{new.acr}, {' '.join(new.amr or ())}")
    return new


def _sign_out(store: Store, step: Step, session: LiveSession) -> None:
    tenant_id = session.tenant_id
    ended = store.sessions.end(
        tenant_id=tenant_id, session_id=session.id, reason="signed_out"
    )
    step.row("Ann signs out", f"{ended.notices if ended else 0} logout notices")
    for notice in store.logout_notices.claim(tenant_id=tenant_id):
        # Here the service posts a logout token to notice.backchannel_logout_uri.
        store.logout_notices.record_delivery(tenant_id=tenant_id, notice_id=notice.id)
        step.row(f"logout token for {notice.client_id}", "delivered")


def rotate_signing_keys(store: Store, narrator: Narrator, acme: Sample) -> None:
    """Publish the next signing key ahead, then sign with it."""
    tenant_id = acme.tenant_id
    with narrator.step("Rotate the signing key") as step:
        for what in ("a key", "another key"):
            published = store.signing_keys.publish(
                tenant_id=tenant_id,
                key=mint_signing_key("ES256"),
                keyring=_KEYRING,
                publish_ahead=timedelta(0),
            )
            step.row(what, published.outcome)
        signing = _signing_kid(store, tenant_id)
        step.row("jwks_uri before", f"{_published(store, tenant_id)} keys")
        rotation = store.signing_keys.rotate(
            tenant_id=tenant_id, alg="ES256", tokens_live_for=_BACK_CHANNEL
        )
        step.row("the other key signs", rotation.outcome)
        is_new = _signing_kid(store, tenant_id) != signing
        step.row("the key that signs", "another one" if is_new else "the same")
        step.row("jwks_uri after", f"{_published(store, tenant_id)} keys")


def _signing_kid(store: Store, tenant_id: UUID) -> str | None:
    key = store.signing_keys.get_signing(
        tenant_id=tenant_id, alg="ES256", keyring=_KEYRING
    )
    return key.kid if key else None


def _published(store: Store, tenant_id: UUID) -> int:
    keys = store.signing_keys.get_jwks(tenant_id=tenant_id).document["keys"]
    return len(keys) if isinstance(keys, list) else 0


def reset_password_and_erase(
    authority: Authority, maintenance: Maintenance, narrator: Narrator, acme: Sample
) -> None:
    """Reset a user's password by mail, then erase the user."""
    with narrator.step("Reset a password by mail, then erase the user") as step:
        with authority.tenant(acme.tenant_id, autocommit=True) as store:
            dora = _register(store, acme.tenant_id)
            step.row(f"user {dora.username}", "created")
            _reset_password(store, step, dora)
        report = maintenance.erase_user(acme.tenant_id, dora.id)
        step.row("Dora is erased", f"{report.rows} rows, {len(report.traces)} traces")
        with authority.tenant(acme.tenant_id, autocommit=True) as store:
            left = store.users.get_by_username(
                tenant_id=acme.tenant_id, username=_NEWCOMER
            )
        step.row("Dora after that", "no row" if left is None else "a row")


def _register(store: Store, tenant_id: UUID) -> User:
    found = store.users.get_by_username(tenant_id=tenant_id, username=_NEWCOMER)
    return found or store.users.create(
        tenant_id=tenant_id,
        username=_NEWCOMER,
        email="dora@acme.example",
        password_hash=hash_password("forgotten"),
    )


def _reset_password(store: Store, step: Step, dora: User) -> None:
    link = mint_token("one_time", dora.tenant_id)
    sent = store.one_time_tokens.create(
        tenant_id=dora.tenant_id,
        purpose="password_reset",
        user_id=dora.id,
        token_hash=link.hash,
        resend_after=timedelta(0),
    )
    step.row("a link to reset the password", sent.outcome)
    for what in ("the link is used", "the link is used again"):
        redeemed = store.one_time_tokens.reset_password(
            tenant_id=dora.tenant_id,
            token_hash=link.hash,
            password_hash=hash_password("a better one"),
        )
        step.row(what, redeemed.outcome)
    user = store.users.get_by_id(tenant_id=dora.tenant_id, user_id=dora.id)
    good = verify_password(user.password_hash if user else None, "a better one")
    step.row("the new password", "right" if good else "wrong")
