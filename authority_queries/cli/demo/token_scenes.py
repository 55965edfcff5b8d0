"""Scenes of tokens: issuing, verification, refresh, reuse, revocation."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from authority_queries.cli.demo.narrator import Narrator, Step
from authority_queries.cli.demo.sample import Sample
from authority_queries.errors import ConfigurationError, NotFoundError
from authority_queries.records import Client, CodeIssuance, User
from authority_queries.repositories._sync.store import Store
from authority_queries.repositories.values import NewToken
from authority_queries.secrets import (
    TokenString,
    code_challenge_of,
    mint_token,
    parse_token,
)

_HOUR: Final = timedelta(hours=1)
_MONTH: Final = timedelta(days=30)
_WRONG_VERIFIER: Final = "x" * 43
_SCOPES: Final = ["openid", "offline_access"]


def use_tokens(store: Store, narrator: Narrator, acme: Sample, ann: User) -> None:
    """Show a family's life: consent, code, tokens, verification, refresh, reuse."""
    client = acme.client(store, "acme-web")
    if not client.redirect_uris:
        message = "the demo needs a redirect_uri of the client acme-web"
        raise ConfigurationError(message)
    with narrator.step("Issue, verify, refresh and reuse tokens") as step:
        _consent(store, step, client, ann)
        first = _redeem_code(store, step, client, ann)
        once: dict[str, Any] = {"presented": first, "request": uuid4()}
        access = _refresh(store, step, "the refresh token", client, **once)
        _refresh(store, step, "the answer was lost: again", client, **once)
        _verify(store, step, "the access token", access)
        once["request"] = uuid4()
        _refresh(store, step, "a thief: the first one", client, **once)
        _verify(store, step, "after that the access token", access)
        dead = store.tokens.diagnose(tenant_id=acme.tenant_id, token_hash=access.hash)
        step.row("why, for operators only", str(dead and dead.dead_because))


def _consent(store: Store, step: Step, client: Client, ann: User) -> None:
    parties: dict[str, Any] = {
        "tenant_id": client.tenant_id,
        "user_id": ann.id,
        "client_id": client.client_id,
    }
    if store.consents.revoke(**parties, reason="withdrawn"):
        step.row("the consent of an earlier run", "revoked")
    _, issuance = _issue_code(store, client, ann, _WRONG_VERIFIER)
    step.row("authorization code", issuance.outcome)
    consent = store.consents.grant(**parties, scopes=_SCOPES)
    step.row("Ann consents", " ".join(consent.scopes))


def _issue_code(
    store: Store, client: Client, ann: User, verifier: str
) -> tuple[TokenString, CodeIssuance]:
    code = mint_token("authorization_code", client.tenant_id)
    issuance = store.grants.issue_code(
        tenant_id=client.tenant_id,
        token_hash=code.hash,
        client_id=client.client_id,
        user_id=ann.id,
        authenticated_at=None,
        scopes=_SCOPES,
        redirect_uri=client.redirect_uris[0],
        code_challenge=code_challenge_of(verifier),
        family_lifetime=12 * _MONTH,
    )
    return code, issuance


def _redeem_code(store: Store, step: Step, client: Client, ann: User) -> TokenString:
    right = secrets.token_urlsafe(32)
    code, issuance = _issue_code(store, client, ann, right)
    step.row("authorization code", f"{issuance.outcome}, for a minute")
    refresh = mint_token("refresh", client.tenant_id)
    for verifier, label in ((_WRONG_VERIFIER, "wrong"), (right, "right")):
        redemption = store.redemptions.redeem_code(
            tenant_id=client.tenant_id,
            token_hash=code.hash,
            client_id=client.client_id,
            redirect_uri=client.redirect_uris[0],
            code_verifier=verifier,
            redemption_id=uuid4(),
            refresh_token=NewToken(hash=refresh.hash, lifetime=_MONTH),
        )
        step.row(f"redeemed, {label} code_verifier", redemption.outcome)
    step.row("refresh token", f"{refresh.token[:12]}…, stored as SHA-256")
    return refresh


def _refresh(
    store: Store,
    step: Step,
    what: str,
    client: Client,
    *,
    presented: TokenString,
    request: UUID,
) -> TokenString:
    refresh = mint_token("refresh", client.tenant_id)
    access = mint_token("access", client.tenant_id)
    redemption = store.redemptions.refresh(
        tenant_id=client.tenant_id,
        token_hash=parse_token(presented.token, kind="refresh").hash,
        client_id=client.client_id,
        redemption_id=request,
        refresh_token=NewToken(hash=refresh.hash, lifetime=_MONTH),
        access_token=NewToken(hash=access.hash, lifetime=_HOUR),
    )
    step.row(f"{what}, redeemed", redemption.outcome)
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
    """Issue a service account's token to a client, which then revokes it."""
    client = acme.client(store, "acme-batch")
    with narrator.step("A client acts as a service account") as step:
        account = store.service_accounts.get_by_account_id(
            tenant_id=acme.tenant_id, account_id="invoice-robot"
        )
        if account is None:
            message = "acme has no service account invoice-robot"
            raise NotFoundError(message)
        access = mint_token("access", acme.tenant_id)
        issuance = store.grants.issue_to_client(
            tenant_id=acme.tenant_id,
            token_hash=access.hash,
            client_id=client.client_id,
            service_account_id=account.id,
            scopes=account.allowed_scopes,
            lifetime=_HOUR,
        )
        step.row("acme-batch acts as invoice-robot", issuance.outcome)
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
    """End all tokens of a user by one row, and publish it to verifiers that cache."""
    client = acme.client(store, "acme-web")
    with narrator.step("Sign out everywhere") as step:
        tokens = [
            issue_access_token(store, client, user_id=ann.id, scopes=["openid"])
            for _ in range(3)
        ]
        active = store.tokens.list_active_by_subject(
            tenant_id=acme.tenant_id, user_id=ann.id
        )
        step.row("Ann's live tokens", str(len(active.items)))
        store.users.revoke_tokens(tenant_id=acme.tenant_id, user_id=ann.id)
        step.row("her epoch moves", "one row changed")
        _verify(store, step, "one of them", tokens[0])
        entry = store.revocations.publish(
            tenant_id=acme.tenant_id,
            category="subject",
            target=ann.subject_id,
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
    scopes: Sequence[str] = (),
    lifetime: timedelta = _HOUR,
) -> TokenString:
    """Store an access token of a client and return its string."""
    minted = mint_token("access", client.tenant_id)
    store.tokens.create(
        tenant_id=client.tenant_id,
        type="access",
        token_hash=minted.hash,
        client_uuid=client.id,
        user_id=user_id,
        scopes=scopes,
        lifetime=lifetime,
    )
    return minted
