"""Access and refresh tokens of OpenIddict."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from authority_queries.importing.conversions import (
    ConversionError,
    base64,
    base64url,
    json_object,
    lower,
    text,
    text_list,
    utc_moment,
)
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    AuthorizationEntry,
    TokenEntry,
)
from authority_queries.importing.sources.fields import (
    Fields,
    SkippedError,
    id_of,
    uuid_of,
)
from authority_queries.importing.sources.openiddict.authorizations import (
    LONG_AGO,
    NEVER,
    end_of,
    expiry_of,
    known,
    user_of,
)
from authority_queries.secrets import tag_foreign_hash

_OWN: Final = "each store has its own lock"
_DIGEST_SIZE: Final = 32
_LARGEST_PAYLOAD: Final = 65536
_TYPES: Final[dict[str, Literal["access", "refresh"]]] = {
    "access_token": "access",
    "refresh_token": "refresh",
}
_BRIEF: Final = ("authorization_code", "device_code", "user_code")


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
    token_hash = fields.take("referenceid", _token_hash, None)
    if token_hash is None:
        message = "a self-contained token is verified by its signature, not by a store"
        raise SkippedError(message)
    expires_at = fields.take("expirationdate", expiry_of, NEVER)
    if expires_at <= now:
        message = "the token has expired"
        raise SkippedError(message)
    client = known(client)
    made = fields.take("creationdate", utc_moment, None)
    payload = fields.attempt("payload", _payload, None)
    status = fields.take("status", lower, "valid")
    redeemed_at = fields.take("redemptiondate", utc_moment, None)
    if status == "redeemed":
        redeemed_at = redeemed_at or made or LONG_AGO
    family = fields.take("authorizationid", text, None)
    user = user_of(fields, client)
    own = _scopes_of(payload)
    revoked_at, reason = end_of(status, made)
    entry = TokenEntry(
        id=uuid_of(key),
        type=kind,
        token_hash=token_hash,
        client=client,
        user=user,
        authorization=_family_id(tenant, family, key, kind),
        scopes=tuple(scopes) if own is None else own,
        payload=payload,
        created_at=made,
        expires_at=expires_at,
        redeemed_at=(redeemed_at or made or LONG_AGO) if status == "redeemed" else None,
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


def _token_hash(value: object) -> bytes:
    # The reference id is the SHA-256 of the string that the client has.
    return tag_foreign_hash(base64(value, size=_DIGEST_SIZE))


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
