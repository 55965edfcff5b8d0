"""Users of Auth0, with the hashes of the export of passwords."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    ConversionError,
    boolean,
    json_object,
    moment,
    password_hash,
    plain_json,
    text,
    username,
)
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import AnyEntry, UserEntry, UserIdentityEntry
from authority_queries.importing.sources.fields import Fields, normalized
from authority_queries.importing.sources.issuers import known_issuer
from authority_queries.importing.sources.keeping import keep
from authority_queries.importing.sources.line_index import LineIndex
from authority_queries.importing.sources.objects import objects
from authority_queries.importing.sources.verified_emails import VerifiedEmails

_DATABASE: Final = "auth0"
# Auth0's names of claims of OpenID Connect Core section 5.1, and ours.
_CLAIMS: Final[Mapping[str, str]] = {
    "given_name": "given_name",
    "family_name": "family_name",
    "nickname": "nickname",
    "picture": "picture",
    "locale": "locale",
    "phone_number": "phone_number",
    "phone_verified": "phone_number_verified",
}
_PROVIDERS_TOKENS: Final = ("accesstoken", "accesstokensecret", "refreshtoken")


class Users:
    """Converts the users of an export."""

    def __init__(self, tenant: str, passwords: LineIndex | None) -> None:
        self._tenant = tenant
        self._passwords = passwords
        self._emails = VerifiedEmails()

    def entries(self, fields: Fields) -> list[AnyEntry]:
        """Convert a user. `user_id` is the `sub`."""
        sub = fields.need("userid", text)
        fields.take("id", plain_json, None)
        provider, _, own_id = sub.partition("|")
        emails = self._emails.take(fields, "email_verified")
        name = fields.take("username", text, None)
        if name is None and provider == _DATABASE:
            name = str(emails["email"] or "")
        is_blocked = fields.take("blocked", boolean, otherwise=False)
        user: dict[str, object] = {
            "id": derive_id(self._tenant, "user", sub),
            "subject_id": sub,
            "username": username(name or sub),
            "status": "suspended" if is_blocked else "active",
            "password_hash": self._password(fields, own_id),
            "created_at": fields.attempt("createdat", moment, None),
            "updated_at": fields.attempt("updatedat", moment, None),
            **emails,
        }
        identities = [*self._identities(fields, sub, provider)]
        return [UserEntry.model_validate(user | _profile(fields)), *identities]

    def skip(self, user: Mapping[str, JsonValue]) -> None:
        """Remember what a user before the first one claims."""
        with suppress(ConversionError):
            self._emails.take(Fields(user), "email_verified")

    def _password(self, fields: Fields, own_id: str) -> str | None:
        """Return the hash of a user of Auth0's database."""
        line = self._passwords.find(own_id) if self._passwords else None
        if line is None:
            # The format of Auth0's bulk import.
            return fields.attempt("passwordhash", password_hash, None)
        found = Fields(json_object(json.loads(line)))
        stored = found.attempt("passwordhash", password_hash, None)
        fields.report("passwords", found)
        return stored

    def _identities(
        self, fields: Fields, sub: str, provider: str
    ) -> Iterator[UserIdentityEntry]:
        listed = fields.take("identities", objects, [])
        if not listed and provider != _DATABASE:
            listed = [{"provider": provider, "user_id": sub.rpartition("|")[2]}]
        for each in listed:
            linked = Fields(each)
            kind = linked.need("provider", text)
            connection = linked.take("connection", text, kind)
            subject = linked.need("userid", text)
            linked.take("issocial", plain_json, None)
            linked.drop("tokens of providers are not stored", *_PROVIDERS_TOKENS)
            if kind != _DATABASE:
                profile = linked.take("profiledata", json_object, {})
                left = profile | linked.rest()
                kept = keep("auth0", left, linked.dropped).get("auth0", {})
                yield UserIdentityEntry(
                    issuer=known_issuer(kind) or f"auth0:{connection}",
                    subject=subject,
                    user=sub,
                    profile=json_object(kept),
                )
            fields.report("identities", linked)


def user_id_of(line: bytes) -> str | None:
    """Return the id of the user of a line of the export of passwords."""
    found = Fields(_object(line))
    other = found.take("altid", text, None)
    return other or found.attempt("id", text, None)


def password_entries(
    fields: Fields, *, is_known: Callable[[str], bool]
) -> list[AnyEntry]:
    """Account for a line of the export of passwords. Its hash is in the users' rows."""
    for name in ("passwordhash", "email", "emailverified", "identifiers"):
        fields.take(name, plain_json, None)
    other = fields.take("altid", text, None)
    own_id = fields.take("id", text, None)
    if not is_known(f"{_DATABASE}|{other or own_id}"):
        message = "its user is not in the export of users"
        raise ConversionError(message)
    fields.drop("the last change of a password is not stored", "passwordsetdate")
    fields.drop("of Auth0 itself", "tenant", "connection", "tmpisunique", "version")
    return []


def _profile(fields: Fields) -> dict[str, object]:
    """Convert the claims of a user, and keep what is left."""
    claims = {
        ours: fields.take(normalized(theirs), plain_json, None)
        for theirs, ours in _CLAIMS.items()
    }
    attributes = {name: value for name, value in claims.items() if value is not None}
    name = fields.take("name", text, "")
    return {
        "display_name": name,
        "attributes": attributes | keep("auth0", fields.rest(), fields.dropped),
    }


def _object(line: bytes) -> Mapping[str, JsonValue]:
    try:
        return json_object(json.loads(line))
    except ValueError:
        message = "is no line of JSON"
        raise ConversionError(message) from None
