"""A family with a token of each kind, and each single reason for its death."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from psycopg.sql import SQL, Identifier

from authority_queries import Store
from authority_queries.records import (
    Client,
    ServiceAccount,
    Token,
    TokenDiagnosisDeadBecause,
    TokenType,
    User,
)
from authority_queries.secrets import TokenString
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_consent,
    make_service_account,
    make_session,
    make_tenant,
    make_token,
    make_user,
)
from tests.repositories.token_helpers import Dba, Fields, revoke


@dataclass(frozen=True, kw_only=True)
class Living:
    """One family with a live token of each kind, and the rows that can end it.

    A user's family has a consent to `openid` and `email`; the tokens have both scopes.
    """

    store: Store
    dba: Dba
    clock: Clock
    client: Client
    user: User | None
    account: ServiceAccount | None
    family_id: UUID
    minted: dict[TokenType, TokenString]
    tokens: dict[TokenType, Token]

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id

    @property
    def of_user(self) -> Fields:
        assert self.user is not None
        return {"tenant_id": self.tenant_id, "user_id": self.user.id}

    @property
    def of_consent(self) -> Fields:
        return {**self.of_user, "client_id": self.client.client_id}

    @property
    def subject(self) -> Fields:
        if self.user is not None:
            return {"user_id": self.user.id}
        assert self.account is not None
        return {"service_account_id": self.account.id}

    @property
    def account_id(self) -> UUID:
        assert self.account is not None
        return self.account.id


KINDS: tuple[TokenType, ...] = ("access", "refresh", "authorization_code")


def live(store: Store, dba: Dba, clock: Clock, *, is_account: bool) -> Living:
    client = make_client(store, make_tenant(store).id)
    user = account = consent = None
    if is_account:
        account = make_service_account(store, client.tenant_id)
        subject: Fields = {"service_account_id": account.id}
    else:
        user = make_user(store, client.tenant_id)
        consent = make_consent(store, client, user)
        subject = {"user_id": user.id}
    subject["scopes"] = ["openid", "email"]
    family = make_authorization(
        store, client, consent_id=consent.id if consent else None, **subject
    )
    made = {
        kind: make_token(store, client, kind, authorization_id=family.id, **subject)
        for kind in KINDS
    }
    return Living(
        store=store,
        dba=dba,
        clock=clock,
        client=client,
        user=user,
        account=account,
        family_id=family.id,
        minted={kind: minted for kind, (minted, _) in made.items()},
        tokens={kind: token for kind, (_, token) in made.items()},
    )


@dataclass(frozen=True, kw_only=True)
class Death:
    """A single reason for which the tokens of a family are dead."""

    reason: TokenDiagnosisDeadBecause
    die: Callable[[Living], object]
    is_accounts: bool = False


def _set_user_status(at: Living, status: str) -> None:
    assert at.user is not None
    at.dba.execute(
        "update authority.users set status = %s where id = %s", [status, at.user.id]
    )


def _disable(at: Living, table: str, id_: UUID) -> None:
    disable = SQL("update {} set enabled = false where id = %s")
    at.dba.execute(disable.format(Identifier("authority", table)), [id_])


def _end_family(at: Living) -> None:
    # No token is issued for longer than its family: write it by hand.
    at.dba.execute(
        "update authority.authorizations set expires_at = created_at + "
        "interval '1 microsecond' where id = %s",
        [at.family_id],
    )


def _end_session(at: Living) -> None:
    assert at.user is not None
    _, session = make_session(at.store, at.user)
    at.dba.execute(
        "update authority.authorizations set session_id = %s, ends_with_session = true "
        "where id = %s",
        [session.id, at.family_id],
    )
    at.store.sessions.end(
        tenant_id=at.tenant_id, session_id=session.id, reason="signed_out"
    )


DEATHS = {
    "expired": Death(reason="expired", die=lambda at: at.clock.advance(HOUR)),
    "revoked": Death(
        reason="revoked",
        die=lambda at: [revoke(at.store, token) for token in at.tokens.values()],
    ),
    "authorization revoked": Death(
        reason="authorization_revoked",
        die=lambda at: at.store.authorizations.revoke(
            tenant_id=at.tenant_id, authorization_id=at.family_id, reason="withdrawn"
        ),
    ),
    "authorization expired": Death(reason="authorization_expired", die=_end_family),
    "session ended": Death(reason="session_ended", die=_end_session),
    "consent revoked": Death(
        reason="consent_revoked",
        die=lambda at: at.store.consents.revoke(**at.of_consent, reason="withdrawn"),
    ),
    "consent narrowed": Death(
        reason="consent_narrowed",
        die=lambda at: at.store.consents.narrow(**at.of_consent, scopes=["openid"]),
    ),
    "tenant suspended": Death(
        reason="tenant_inactive",
        die=lambda at: at.store.tenants.suspend(tenant_id=at.tenant_id),
    ),
    "tenant terminated": Death(
        reason="tenant_inactive",
        die=lambda at: at.store.tenants.terminate(tenant_id=at.tenant_id),
    ),
    "tenant's epoch moved": Death(
        reason="tenant_signed_out",
        die=lambda at: at.store.tenants.revoke_tokens(tenant_id=at.tenant_id),
    ),
    "client disabled": Death(
        reason="client_disabled", die=lambda at: _disable(at, "clients", at.client.id)
    ),
    "client's epoch moved": Death(
        reason="client_signed_out",
        die=lambda at: at.store.clients.revoke_tokens(
            tenant_id=at.tenant_id, client_uuid=at.client.id
        ),
    ),
    "user suspended": Death(
        reason="user_inactive", die=lambda at: _set_user_status(at, "suspended")
    ),
    "user pending": Death(
        reason="user_inactive", die=lambda at: _set_user_status(at, "pending")
    ),
    "user's epoch moved": Death(
        reason="user_signed_out",
        die=lambda at: at.store.users.revoke_tokens(**at.of_user),
    ),
    "service account disabled": Death(
        reason="service_account_disabled",
        die=lambda at: _disable(at, "service_accounts", at.account_id),
        is_accounts=True,
    ),
    "service account's epoch moved": Death(
        reason="service_account_signed_out",
        die=lambda at: at.store.service_accounts.revoke_tokens(
            tenant_id=at.tenant_id, service_account_id=at.account_id
        ),
        is_accounts=True,
    ),
}
