"""The bodies of answers with tokens, and the claims of ID tokens."""

from collections.abc import Sequence
from datetime import datetime

from authority_queries.contrib.oauth.answers import NO_STORE, Answer
from authority_queries.contrib.oauth.context import Context, Presenter
from authority_queries.contrib.oauth.jose import half_hash, sign
from authority_queries.engine.json_types import JsonArray, JsonValue
from authority_queries.records import RedemptionRedeemed
from authority_queries.secrets.signing_keys import SigningKey


def token_answer(
    presenter: Presenter,
    *,
    access_token: str,
    expires_in: int,
    scopes: Sequence[str],
    details: JsonArray,
    more: dict[str, JsonValue] | None = None,
) -> Answer:
    """Return the tokens (RFC 6749 section 5.1, RFC 9396 section 7)."""
    body: dict[str, JsonValue] = {
        "access_token": access_token,
        "token_type": "Bearer" if presenter.jkt is None else "DPoP",
        "expires_in": max(expires_in, 0),
        **(more or {}),
    }
    if scopes:
        body["scope"] = " ".join(scopes)
    if details:
        body["authorization_details"] = details
    return Answer(headers=NO_STORE, body=body)


def id_token(
    context: Context,
    key: SigningKey,
    presenter: Presenter,
    redemption: RedemptionRedeemed,
    access_token: str,
) -> str:
    """Return an ID token (OpenID Connect Core section 2)."""
    now = int(context.now().timestamp())
    claims: dict[str, JsonValue] = {
        "iss": context.settings.issuer,
        "sub": redemption.subject_id,
        "aud": presenter.client.client_id,
        "iat": now,
        "exp": now + int(context.settings.id_token_lifetime.total_seconds()),
        "auth_time": int(redemption.authenticated_at.timestamp()),
        "at_hash": half_hash(access_token, key.alg),
        "nonce": redemption.nonce,
        "acr": redemption.acr,
        "amr": redemption.amr,
        "sid": None if redemption.sid is None else str(redemption.sid),
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return sign(key, present, "JWT")


def seconds_until(end: datetime | None, now: datetime) -> int:
    """Return the whole seconds from now until this time."""
    return 0 if end is None else int((end - now).total_seconds())
