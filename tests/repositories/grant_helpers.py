"""A client with a user's consent, and its grants."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.sql import SQL, Identifier

from authority_queries import Store, mint_token
from authority_queries.queries import redemptions
from authority_queries.records import (
    Authorization,
    Client,
    CodeIssuance,
    Redemption,
    RedemptionOtherwise,
    Token,
    User,
)
from authority_queries.secrets import TokenKind, TokenString
from tests.factories import (
    HOUR,
    make_client,
    make_consent,
    make_tenant,
    make_user,
    new_token,
)
from tests.repositories.token_helpers import Dba, Fields, diagnose

CALLBACK = "https://app.example/cb"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
# From RFC 7636 appendix B.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
DAY = 24 * HOUR


@dataclass(frozen=True, kw_only=True)
class Party:
    """A client with one redirect URI, and a user who allows it openid and email."""

    client: Client
    user: User

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id

    @property
    def of_consent(self) -> Fields:
        return {
            "tenant_id": self.tenant_id,
            "user_id": self.user.id,
            "client_id": self.client.client_id,
        }

    def mint(self, kind: TokenKind) -> TokenString:
        return mint_token(kind, self.tenant_id)


@dataclass(frozen=True, kw_only=True)
class Grant(Party):
    """The tokens that a code was redeemed for."""

    family_id: UUID
    code: TokenString
    access: TokenString
    refresh: TokenString


NOTHING = RedemptionOtherwise(
    outcome="invalid",
    authorization_id=None,
    user_id=None,
    subject_id=None,
    service_account_id=None,
    scopes=None,
    resources=None,
    authorization_details=None,
    nonce=None,
    properties=None,
    authenticated_at=None,
    sid=None,
    acr=None,
    amr=None,
    access_token_id=None,
    access_expires_at=None,
    refresh_token_id=None,
    refresh_expires_at=None,
)


def make_party(store: Store, **client: Any) -> Party:
    defaults: Fields = {"redirect_uris": [CALLBACK]}
    made = make_client(store, make_tenant(store).id, **{**defaults, **client})
    user = make_user(store, made.tenant_id)
    make_consent(store, made, user)
    return Party(client=made, user=user)


def issue_code(
    store: Store, party: Party, **fields: Any
) -> tuple[TokenString, CodeIssuance]:
    minted = party.mint("authorization_code")
    defaults: Fields = {
        "tenant_id": party.tenant_id,
        "token_hash": minted.hash,
        "client_id": party.client.client_id,
        "user_id": party.user.id,
        "authenticated_at": None,
        "scopes": ["openid", "email"],
        "redirect_uri": CALLBACK,
        "code_challenge": CHALLENGE,
    }
    return minted, store.grants.issue_code(**{**defaults, **fields})


def make_code(store: Store, party: Party, **fields: Any) -> TokenString:
    minted, issued = issue_code(store, party, **fields)
    assert issued.outcome == "issued"
    return minted


def redeem_code(
    store: Store, party: Party, code: TokenString, **presented: Any
) -> Redemption:
    """Redeem a code: an access token of an hour and a refresh token of a day."""
    defaults: Fields = {
        "tenant_id": party.tenant_id,
        "token_hash": code.hash,
        "client_id": party.client.client_id,
        "redemption_id": uuid4(),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "access_token": new_token(party.mint("access")),
        "refresh_token": new_token(party.mint("refresh"), DAY),
    }
    return store.redemptions.redeem_code(**{**defaults, **presented})


def refresh(
    store: Store, party: Party, token: TokenString, **presented: Any
) -> Redemption:
    """Refresh: an access token of an hour and a refresh token of a day."""
    defaults: Fields = {
        "tenant_id": party.tenant_id,
        "token_hash": token.hash,
        "client_id": party.client.client_id,
        "redemption_id": uuid4(),
        "access_token": new_token(party.mint("access")),
        "refresh_token": new_token(party.mint("refresh"), DAY),
    }
    return store.redemptions.refresh(**{**defaults, **presented})


def redeem_uncommitted(
    connection: "psycopg.Connection[Any]", minted: TokenString, **fields: Any
) -> Redemption:
    """Redeem in the open transaction of the connection, as a slow server would."""
    defaults: Fields = {
        "redirect_uri": None,
        "code_challenge": None,
        "cnf_jkt": None,
        "cnf_x5t_s256": None,
        "scopes": None,
        "resources": None,
        "authorization_details": None,
        "redemption_id": uuid4(),
        "leeway": timedelta(0),
        "access_token_hash": mint_token("access", minted.tenant_id).hash,
        "access_lifetime": HOUR,
        "refresh_token_hash": mint_token("refresh", minted.tenant_id).hash,
        "refresh_lifetime": DAY,
    }
    return redemptions.redeem(
        connection,
        tenant_id=minted.tenant_id,
        token_hash=minted.hash,
        **{**defaults, **fields},
    )


def make_grant(
    store: Store,
    party: Party | None = None,
    *,
    code: Fields | None = None,
    redemption: Fields | None = None,
) -> Grant:
    """Issue a code and redeem it."""
    party = party or make_party(store)
    minted = make_code(store, party, **(code or {}))
    access, refresh_ = party.mint("access"), party.mint("refresh")
    tokens: Fields = {
        "access_token": new_token(access),
        "refresh_token": new_token(refresh_, DAY),
    }
    redeemed = redeem_code(store, party, minted, **{**tokens, **(redemption or {})})
    assert redeemed.outcome == "redeemed"
    assert redeemed.authorization_id is not None
    return Grant(
        client=party.client,
        user=party.user,
        family_id=redeemed.authorization_id,
        code=minted,
        access=access,
        refresh=refresh_,
    )


def next_refresh(store: Store, party: Party, token: TokenString) -> TokenString:
    """Refresh, and return the new refresh token."""
    minted = party.mint("refresh")
    result = refresh(store, party, token, refresh_token=new_token(minted, DAY))
    assert result.outcome == "redeemed"
    return minted


def is_alive(store: Store, minted: TokenString) -> bool:
    return diagnose(store, minted).dead_because is None


def token_of(store: Store, minted: TokenString) -> Token:
    found = store.tokens.get_by_hash(tenant_id=minted.tenant_id, token_hash=minted.hash)
    assert found is not None
    return found


def family_of(store: Store, minted: TokenString) -> Authorization:
    family_id = token_of(store, minted).authorization_id
    assert family_id is not None
    family = store.authorizations.get_by_id(
        tenant_id=minted.tenant_id, authorization_id=family_id
    )
    assert family is not None
    return family


def count(dba: Dba, table: str) -> int:
    query = SQL("select count(*) from {}").format(Identifier("authority", table))
    row = dba.execute(query).fetchone()
    assert row is not None
    return int(row[0])
