"""Authorizations and tokens of OpenIddict: consents, families and tokens."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

from authority_queries.importing.conversions import (
    ConversionError,
    base64,
    base64url,
    json_object,
    lower,
    moment,
    text,
    text_list,
)
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    AuthorizationEntry,
    ConsentEntry,
    TokenEntry,
)
from authority_queries.importing.sources.fields import Fields, SkippedError, id_of

# The expiry of a token without one: OpenIddict may issue refresh tokens for ever.
NEVER: Final = datetime(8999, 12, 31, tzinfo=UTC)

_OWN: Final = "each store has its own lock"
_DIGEST_SIZE: Final = 32
_LARGEST_PAYLOAD: Final = 65536
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
# OpenIddict keeps no time of a revocation.
_ENDED: Final = ("inactive", "rejected", "revoked")
_TYPES: Final[dict[str, Literal["access", "refresh"]]] = {
    "access_token": "access",
    "refresh_token": "refresh",
}
_BRIEF: Final = ("authorization_code", "device_code", "user_code")


def consent_id(tenant: str, *, user: str, client: str) -> UUID:
    """Return the id of the consent that a user's permanent authorizations become."""
    return derive_id(tenant, "consent", f"{user}\n{client}")


def convert_consent(
    grants: Sequence[Fields], *, tenant: str, user: str, client: str
) -> Iterator[AnyEntry]:
    """Convert the valid permanent authorizations of a user for a client to a consent.

    A user has one consent for a client: its scopes are those of all of them. Takes the
    fields `scopes` and `creationdate`, `convert_authorization` the others.
    """
    scopes = [scope for grant in grants for scope in _scopes(grant)]
    made = [grant.take("creationdate", moment, None) for grant in grants]
    times = sorted(time for time in made if time is not None)
    yield ConsentEntry(
        id=consent_id(tenant, user=user, client=client),
        user=user,
        client=client,
        scopes=tuple(dict.fromkeys(scopes)),
        created_at=times[0] if times else None,
        updated_at=times[-1] if times else None,
    )


def convert_authorization(
    fields: Fields,
    *,
    tenant: str,
    client: str | None,
    tokens_expire_at: datetime | None,
) -> Iterator[AnyEntry]:
    """Convert an authorization to a family of tokens.

    - `client`: the ClientId of its application.
    - `tokens_expire_at`: the latest expiry of its reference tokens, NEVER for one
      without expiry. None skips a family without such tokens, which holds nothing.
    """
    key = fields.need("id", text)
    fields.drop(_OWN, "concurrencytoken")
    fields.take("applicationid", text, None)
    client = _known(client)
    if tokens_expire_at is None:
        message = "an authorization without live reference tokens has no family"
        raise SkippedError(message)
    user = _user(fields, client)
    made = fields.take("creationdate", moment, None)
    revoked_at, reason = _end(fields.take("status", lower, "valid"), made)
    permanent = fields.take("type", text, "ad-hoc") == "permanent"
    consented = permanent and user is not None and revoked_at is None
    yield AuthorizationEntry(
        id=id_of(tenant, "authorization", key),
        client=client,
        user=user,
        consent=(
            consent_id(tenant, user=user, client=client)
            if consented and user is not None
            else None
        ),
        scopes=_scopes(fields),
        created_at=made,
        tokens_expire_at=tokens_expire_at,
        revoked_at=revoked_at,
        revocation_reason=reason,
        properties=fields.kept_in(fields.take("properties", json_object, {})),
    )


def convert_token(
    fields: Fields,
    *,
    tenant: str,
    client: str | None,
    scopes: Sequence[str],
    now: datetime,
) -> Iterator[AnyEntry]:
    """Convert an access or refresh token that the client presents as a reference.

    - `client`: the ClientId of its application.
    - `scopes`: those of its authorization. OpenIddict keeps a token's own scopes only
      in its payload: they count if the payload is not encrypted.
    - `now`: an expired token is skipped.

    A refresh token without an authorization gets a family of its own.
    """
    key = fields.need("id", text)
    fields.drop(_OWN, "concurrencytoken")
    fields.take("applicationid", text, None)
    kind = _type(fields)
    token_hash = fields.take("referenceid", _digest, None)
    if token_hash is None:
        message = "a self-contained token is verified by its signature, not by a store"
        raise SkippedError(message)
    expires_at = fields.take("expirationdate", moment, NEVER)
    if expires_at <= now:
        message = "the token has expired"
        raise SkippedError(message)
    client = _known(client)
    made = fields.take("creationdate", moment, None)
    payload = fields.attempt("payload", _payload, None)
    status = fields.take("status", lower, "valid")
    redeemed_at = fields.take("redemptiondate", moment, None)
    if status == "redeemed":
        redeemed_at = redeemed_at or made or _LONG_AGO
    family = fields.take("authorizationid", text, None)
    user = _user(fields, client)
    own = _scopes_of(payload)
    revoked_at, reason = _end(status, made)
    entry = TokenEntry(
        id=id_of(tenant, "token", key),
        type=kind,
        token_hash=token_hash,
        client=client,
        user=user,
        authorization=_family_id(tenant, family, key, kind),
        scopes=tuple(scopes) if own is None else own,
        payload=payload,
        created_at=made,
        expires_at=expires_at,
        redeemed_at=(redeemed_at or made or _LONG_AGO)
        if status == "redeemed"
        else None,
        revoked_at=revoked_at,
        revocation_reason=reason,
        properties=fields.kept_in(fields.take("properties", json_object, {})),
    )
    if family is None and entry.authorization is not None:
        yield AuthorizationEntry(
            id=entry.authorization,
            client=client,
            user=user,
            scopes=entry.scopes,
            created_at=made,
            tokens_expire_at=expires_at,
        )
    yield entry


def scopes_of_authorization(value: object) -> tuple[str, ...]:
    """Return the scopes of an authorization's field: a list, or JSON of one."""
    return () if value is None else text_list(value)


def _scopes(fields: Fields) -> tuple[str, ...]:
    return fields.take("scopes", scopes_of_authorization, ())


def _known(client: str | None) -> str:
    if client is None:
        message = "its application is missing"
        raise ConversionError(message)
    return client


def _user(fields: Fields, client: str) -> str | None:
    # The subject of a client that acts for itself is its client_id.
    subject = fields.take("subject", text, None)
    return None if subject == client else subject


def _type(fields: Fields) -> Literal["access", "refresh"]:
    # Version 7 writes a URN, such as urn:ietf:params:oauth:token-type:access_token.
    name = fields.need("type", text).rpartition(":")[2].lower()
    if name in _BRIEF:
        message = "codes live for minutes, and only their payload has what they require"
        raise SkippedError(message)
    if name not in _TYPES:
        message = "a token of this type is not presented to a store"
        raise SkippedError(message)
    return _TYPES[name]


def _digest(value: object) -> bytes:
    return base64(value, size=_DIGEST_SIZE)


def _payload(value: object) -> bytes:
    octets = text(value).encode()
    if len(octets) > _LARGEST_PAYLOAD:
        message = f"has more than {_LARGEST_PAYLOAD} octets"
        raise ConversionError(message)
    return octets


def _scopes_of(payload: bytes | None) -> tuple[str, ...] | None:
    """Return the scopes of a payload that is a signed JWT, or None for another one."""
    parts = (payload or b"").decode().split(".")
    if len(parts) != len(("header", "claims", "signature")):
        return None
    try:
        claims = json.loads(base64url(parts[1]))
        found = claims.get("oi_scp") or claims.get("scope") or ()
        return text_list(found, separator=" ")
    except (ValueError, AttributeError, ConversionError):
        return None


def _end(status: str, made: datetime | None) -> tuple[datetime | None, str | None]:
    if status in _ENDED:
        return made or _LONG_AGO, f"{status} in OpenIddict"
    if status in ("valid", "redeemed"):
        return None, None
    message = "status is none of OpenIddict's"
    raise ConversionError(message)


def _family_id(
    tenant: str, family: str | None, key: str, kind: Literal["access", "refresh"]
) -> UUID | None:
    if family is not None:
        return id_of(tenant, "authorization", family)
    return (
        derive_id(tenant, "authorization", f"token {key}")
        if kind == "refresh"
        else None
    )
