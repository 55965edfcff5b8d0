"""The life of tokens: issued, verified, rotated, reused, revoked."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from authority_queries._sync.store import Store
from authority_queries.cli.demo.narrator import Narrator, Step
from authority_queries.cli.demo.sample import Sample
from authority_queries.errors import ConfigurationError, NotFoundError
from authority_queries.records import (
    Authorization,
    Client,
    User,
)
from authority_queries.secrets import TokenString, mint_token, parse_token

_HOUR: Final = timedelta(hours=1)
_MONTH: Final = timedelta(days=30)


def use_tokens(store: Store, narrator: Narrator, acme: Sample, ann: User) -> None:
    """Code, tokens, verification, rotation, reuse: the life of a family."""
    client = acme.client(store, "acme-web")
    if not client.redirect_uris:
        message = "the demo needs a redirect_uri of the client acme-web"
        raise ConfigurationError(message)
    with narrator.step("Issue, verify, rotate and reuse tokens") as step:
        family = store.authorizations.create(
            tenant_id=acme.tenant_id,
            client_id=client.id,
            user_id=ann.id,
            scopes=["openid", "offline_access"],
        )
        step.row("consent", f"authorization {family.id}")
        _redeem_code(store, step, client, family)
        first = _issue_refresh_token(store, step, family)
        access = _rotate(store, step, "the first refresh token", client, first)
        _verify(store, step, "the access token", access)
        _rotate(store, step, "a thief: the first refresh token", client, first)
        _verify(store, step, "after that the access token", access)


def _redeem_code(
    store: Store, step: Step, client: Client, family: Authorization
) -> None:
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    code = mint_token("authorization_code", client.tenant_id)
    store.tokens.create(
        tenant_id=client.tenant_id,
        type="authorization_code",
        token_hash=code.hash,
        client_id=client.id,
        user_id=family.user_id,
        authorization_id=family.id,
        scopes=family.scopes,
        code_challenge=challenge,
        redirect_uri=client.redirect_uris[0],
        lifetime=timedelta(minutes=1),
    )
    step.row("authorization code", "issued for a minute")
    for presented, label in (("x" * 43, "wrong"), (challenge, "right")):
        redemption = store.tokens.redeem(
            tenant_id=client.tenant_id,
            token_hash=code.hash,
            type="authorization_code",
            client_id=client.client_id,
            redirect_uri=client.redirect_uris[0],
            code_challenge=presented,
            redemption_id=uuid4(),
        )
        step.row(f"redeemed, {label} code_verifier", redemption.outcome)


def _issue_refresh_token(
    store: Store, step: Step, family: Authorization
) -> TokenString:
    minted = mint_token("refresh", family.tenant_id)
    store.tokens.create(
        tenant_id=family.tenant_id,
        type="refresh",
        token_hash=minted.hash,
        client_id=family.client_id,
        user_id=family.user_id,
        authorization_id=family.id,
        scopes=family.scopes,
        lifetime=_MONTH,
    )
    step.row("refresh token", f"{minted.token[:12]}…, stored as SHA-256")
    return minted


def _rotate(
    store: Store, step: Step, what: str, client: Client, presented: TokenString
) -> TokenString:
    refresh = mint_token("refresh", client.tenant_id)
    access = mint_token("access", client.tenant_id)
    rotation = store.tokens.rotate(
        tenant_id=client.tenant_id,
        token_hash=parse_token(presented.token, kind="refresh").hash,
        client_id=client.client_id,
        redemption_id=uuid4(),
        refresh_token_hash=refresh.hash,
        refresh_lifetime=_MONTH,
        access_token_hash=access.hash,
        access_lifetime=_HOUR,
    )
    step.row(f"{what} is rotated", rotation.outcome)
    return access


def _verify(store: Store, step: Step, what: str, presented: TokenString) -> None:
    token = parse_token(presented.token, kind="access")
    verified = store.tokens.verify(tenant_id=token.tenant_id, token_hash=token.hash)
    if verified is None:
        step.row(f"{what} is verified", "not live")
    else:
        whose = verified.username or verified.account_id or verified.client_id
        step.row(f"{what} is verified", f"{whose}: {' '.join(verified.scopes)}")


def act_as_service_account(store: Store, narrator: Narrator, acme: Sample) -> None:
    """Let a client act as a machine, and revoke its token at its wish."""
    client = acme.client(store, "acme-batch")
    with narrator.step("A client acts as a service account") as step:
        account = store.service_accounts.get_by_account_id(
            tenant_id=acme.tenant_id, account_id="invoice-robot"
        )
        if account is None:
            message = "acme has no service account invoice-robot"
            raise NotFoundError(message)
        may = client.id in account.authorized_clients
        step.row("acme-batch acts as invoice-robot", "allowed" if may else "refused")
        access = issue_access_token(
            store, client, service_account_id=account.id, scopes=account.allowed_scopes
        )
        _verify(store, step, "its access token", access)
        revoked = store.tokens.revoke(
            tenant_id=acme.tenant_id,
            token_hash=access.hash,
            client_id=client.client_id,
            reason="client_request",
        )
        step.row("revocation (RFC 7009)", "revoked" if revoked else "nothing to revoke")
        _verify(store, step, "its access token", access)


def sign_out_everywhere(
    store: Store, narrator: Narrator, acme: Sample, ann: User
) -> None:
    """Kill all that a user has, with one row, and tell those who cache."""
    client = acme.client(store, "acme-web")
    with narrator.step("Sign out everywhere") as step:
        tokens = [
            issue_access_token(store, client, user_id=ann.id, scopes=["openid"])
            for _ in range(3)
        ]
        active = store.tokens.list_active_by_subject(
            tenant_id=acme.tenant_id, user_id=ann.id
        )
        step.row("Ann's live tokens", str(len(active)))
        store.users.revoke_tokens(tenant_id=acme.tenant_id, user_id=ann.id)
        step.row("her epoch moves", "one row changed")
        _verify(store, step, "one of them", tokens[0])
        entry = store.revocations.publish(
            tenant_id=acme.tenant_id,
            category="subject",
            target=str(ann.subject_id),
            reason="sign_out_everywhere",
        )
        step.row("published to followers", f"sequence {entry.sequence}")
        news = store.revocations.list_since(
            tenant_id=acme.tenant_id, sequence=entry.sequence - 1
        )
        step.row(f"a follower resumes from {entry.sequence - 1}", f"{len(news)} new")


def issue_access_token(
    store: Store,
    client: Client,
    *,
    user_id: UUID | None = None,
    service_account_id: UUID | None = None,
    scopes: Sequence[str] = (),
    lifetime: timedelta = _HOUR,
) -> TokenString:
    """Issue an access token to a client and give its string."""
    minted = mint_token("access", client.tenant_id)
    store.tokens.create(
        tenant_id=client.tenant_id,
        type="access",
        token_hash=minted.hash,
        client_id=client.id,
        user_id=user_id,
        service_account_id=service_account_id,
        scopes=scopes,
        lifetime=lifetime,
    )
    return minted
