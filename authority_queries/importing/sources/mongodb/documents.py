"""Documents whose conversion needs other documents, or fields of MongoDB alone."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from authority_queries.importing.conversions import (
    ConversionError,
    json_object,
    plain_json,
    text,
)
from authority_queries.importing.entries import AnyEntry, ConsentEntry, UserEntry
from authority_queries.importing.sources.aspnet_identity import convert_user
from authority_queries.importing.sources.fields import (
    Fields,
    SkippedError,
    normalized,
)
from authority_queries.importing.sources.mongodb.emails import address_digest
from authority_queries.importing.sources.mongodb.grants import (
    Grants,
    is_consent,
    packed,
)
from authority_queries.importing.sources.mongodb.reading import RawDocument
from authority_queries.importing.sources.openiddict import (
    convert_authorization,
    convert_consent,
    convert_token,
)

_MERGED: Final = "its scopes are in the consent of an earlier authorization"
_NO_CONSENT: Final = "only a valid permanent authorization of a user is a consent"
_SECOND_FACTOR: Final = "a TOTP secret must be encrypted: the user enrolls again"
_CODES: Final = "recovery codes have another form here: the user gets new ones"
_SHARED: Final = "another user has verified the same address"
_VERSION: Final = "it is the version of the other application's class"
_NO_ROLE: Final = "a role of the user is missing"
_OF_CONSENTS: Final = ("subject", "scopes", "creationdate", "status", "type")


def user_fields(document: RawDocument, roles: Mapping[str, str]) -> Fields:
    """Return the fields of a user, with names of roles as `convert_user` takes them.

    `roles` has the name of each role by its key, and by its normalized name.
    """
    known = {normalized(name): name for name in document}
    changed = dict(document)
    found = document.get(known.get("roles", "")) or ()
    keys = list(found) if isinstance(found, list | tuple) else []
    changed[known.get("roles", "Roles")] = [
        roles[str(key)] for key in keys if str(key) in roles
    ]
    end = changed.pop(known.get("lockoutenddate", ""), None)
    if end is not None:  # its name in early versions
        changed[known.get("lockoutend", "LockoutEnd")] = end
    fields = Fields(changed)
    if any(str(key) not in roles for key in keys):
        fields.note(known["roles"], _NO_ROLE)
    return fields


def convert_user_document(
    fields: Fields, *, owners: Mapping[bytes, str], now: datetime
) -> Iterator[AnyEntry]:
    """Convert a user, also with the fields that Identity's tables have not.

    A user who was deleted softly is suspended. `owners` are the users who keep a
    confirmed address that others have, too (`first_owners`).
    """
    fields.drop(_SECOND_FACTOR, "authenticatorkey")
    fields.drop(_CODES, "recoverycodes")
    fields.drop(_VERSION, "version")
    deleted = fields.has("deletedon")
    for entry in convert_user(fields, now=now):
        if not isinstance(entry, UserEntry):
            yield entry
            continue
        changed: dict[str, object] = {"status": "suspended"} if deleted else {}
        if _is_of_another(entry, owners):
            fields.note("EmailConfirmed", _SHARED)
            changed["email_verified"] = False
        yield entry.model_copy(update=changed)


def convert_authorization_document(
    document: RawDocument,
    fields: Fields,
    *,
    grants: Grants,
    client: str | None,
    tenant: str,
) -> Iterator[AnyEntry]:
    """Convert an authorization to a consent, a family of tokens, or both.

    A consent has the scopes of all permanent authorizations of its user for the client.
    It is in the document of the first one.
    """
    consented = client is not None and is_consent(document, client)
    consent = _consent(document, grants, client, tenant)
    expiry = grants.expiry_of(document["_id"])
    try:
        family = tuple(
            convert_authorization(
                fields, tenant=tenant, client=client, tokens_expire_at=expiry
            )
        )
    except SkippedError as error:
        if consent is None:
            raise SkippedError(_MERGED if consented else str(error)) from None
        yield _without_family(consent, fields)
        return
    if not consented and document.get("type") not in (None, "ad-hoc"):
        fields.note("type", _NO_CONSENT)
    if consent is not None:
        yield consent
    yield from family


def convert_token_document(
    document: RawDocument,
    fields: Fields,
    *,
    grants: Grants,
    client: str | None,
    tenant: str,
    now: datetime,
) -> Iterator[AnyEntry]:
    """Convert a token, with the scopes of its authorization."""
    family = document.get("authorization_id")
    scopes = () if family is None else grants.scopes_of(family)
    yield from convert_token(
        fields, tenant=tenant, client=client, scopes=scopes or (), now=now
    )
    if scopes is None:
        message = "its authorization is missing"
        raise ConversionError(message)


def _is_of_another(user: UserEntry, owners: Mapping[bytes, str]) -> bool:
    if user.email is None or not user.email_verified:
        return False
    owner = owners.get(address_digest(user.email), user.subject_id)
    return owner != user.subject_id


def _consent(
    document: RawDocument, grants: Grants, client: str | None, tenant: str
) -> ConsentEntry | None:
    if client is None or not is_consent(document, client):
        return None
    user = text(document["subject"])
    consent = grants.consent_of(user, client)
    if consent is None or consent.first != packed(document["_id"]):
        return None
    merged = {"scopes": consent.scopes, "creation_date": consent.made}
    last = {"creation_date": consent.changed}
    of_user = Fields({"subject": user, "authorizations": [merged, last]})
    (entry,) = convert_consent(of_user, tenant=tenant, client=client)
    return entry if isinstance(entry, ConsentEntry) else None


def _without_family(consent: ConsentEntry, fields: Fields) -> ConsentEntry:
    """Return the consent with the properties that the family would have."""
    for name in _OF_CONSENTS:
        fields.take(name, plain_json, None)
    properties = fields.kept_in(fields.take("properties", json_object, {}))
    return consent.model_copy(update={"properties": properties})
