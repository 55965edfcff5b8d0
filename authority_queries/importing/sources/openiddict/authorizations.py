"""Authorizations of OpenIddict: consents, and families of tokens."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from authority_queries.importing.conversions import (
    ConversionError,
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
    ConsentEntry,
)
from authority_queries.importing.entries.base import JsonObject
from authority_queries.importing.sources.fields import (
    Fields,
    SkippedError,
    id_of,
)

# The expiry of a token without one: OpenIddict may issue refresh tokens for ever.
NEVER: Final = datetime(8999, 12, 31, tzinfo=UTC)

_OWN: Final = "each store has its own lock"
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
# OpenIddict keeps no time of a revocation.
_ENDED: Final = ("inactive", "rejected", "revoked")


def consent_id(tenant: str, *, user: str, client: str) -> UUID:
    """Return the id of the consent that a user's permanent authorizations become."""
    return derive_id(tenant, "consent", f"{user}\n{client}")


def convert_consent(
    fields: Fields, *, tenant: str, client: str | None
) -> Iterator[AnyEntry]:
    """Convert what a user allowed a client for good.

    `authorizations` is a list of all valid permanent authorizations of `subject` for
    the client, each with `scopes`, `creationdate` and `properties`: the user has one
    consent, with the scopes and properties of all of them.
    """
    client = known(client)
    fields.take("applicationid", text, None)
    grants = fields.parts("authorizations")
    user = user_of(fields, client)
    if user is None:
        message = "a client that acts for itself needs no consent"
        raise SkippedError(message)
    scopes = [scope for grant in grants for scope in _scopes(grant)]
    made = [grant.take("creationdate", utc_moment, None) for grant in grants]
    times = sorted(time for time in made if time is not None)
    properties: JsonObject = {}
    for grant in grants:
        properties |= grant.take("properties", json_object, {})
    yield ConsentEntry(
        id=consent_id(tenant, user=user, client=client),
        user=user,
        client=client,
        scopes=tuple(dict.fromkeys(scopes)),
        created_at=times[0] if times else None,
        updated_at=times[-1] if times else None,
        properties=properties,
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
      without expiry. None skips a family without such tokens.
    """
    key = fields.need("id", text)
    fields.drop(_OWN, "concurrencytoken")
    fields.take("applicationid", text, None)
    client = known(client)
    if tokens_expire_at is None:
        message = "an authorization without live reference tokens has no family"
        raise SkippedError(message)
    user = user_of(fields, client)
    made = fields.take("creationdate", utc_moment, None)
    revoked_at, reason = end_of(fields.take("status", lower, "valid"), made)
    permanent = fields.take("type", lower, "ad-hoc") == "permanent"
    consent = None
    if permanent and user is not None and revoked_at is None:
        consent = consent_id(tenant, user=user, client=client)
    yield AuthorizationEntry(
        id=id_of(tenant, "authorization", key),
        client=client,
        user=user,
        consent=consent,
        scopes=_scopes(fields),
        created_at=made,
        tokens_expire_at=tokens_expire_at,
        revoked_at=revoked_at,
        revocation_reason=reason,
        properties=fields.kept_in(fields.take("properties", json_object, {})),
    )


def scopes_of_authorization(value: object) -> tuple[str, ...]:
    """Return the scopes of an authorization's field: a list, or JSON of one."""
    return () if value is None else text_list(value)


def expiry_of(value: object) -> datetime:
    """Return the expiry of a token. PostgreSQL's infinity is .NET's last moment."""
    return NEVER if value == "infinity" else utc_moment(value)


def _scopes(fields: Fields) -> tuple[str, ...]:
    return fields.take("scopes", scopes_of_authorization, ())


def known(client: str | None) -> str:
    """Return the client of a row. Raises ConversionError if it is missing."""
    if client is None:
        message = "its application is missing"
        raise ConversionError(message)
    return client


def user_of(fields: Fields, client: str) -> str | None:
    """Return the user of a row. None: the client acts for itself."""
    # The subject of a client that acts for itself is its client_id.
    subject = fields.take("subject", text, None)
    return None if subject == client else subject


def end_of(status: str, made: datetime | None) -> tuple[datetime | None, str | None]:
    """Return when and why something with this status ended, if it has.

    OpenIddict keeps no time of it: the creation stands in.
    """
    if status in _ENDED:
        return made or LONG_AGO, f"{status} in OpenIddict"
    if status in ("valid", "redeemed"):
        return None, None
    message = "status is none of OpenIddict's"
    raise ConversionError(message)
