"""Identities: users and what they sign in with."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    ConversionError,
    json_object,
    moment,
    password_hash,
    plain_json,
    text,
    text_list,
    username,
    uuid,
)
from authority_queries.importing.documents import Dropped
from authority_queries.importing.entries import AnyEntry, UserEntry, UserIdentityEntry
from authority_queries.importing.sources.fields import Fields
from authority_queries.importing.sources.issuers import known_issuer
from authority_queries.importing.sources.keeping import keep
from authority_queries.importing.sources.kratos.second_factors import (
    passkey_entries,
    totp_entry,
)
from authority_queries.importing.sources.objects import objects
from authority_queries.importing.sources.totp import TotpSealer
from authority_queries.importing.sources.verified_emails import VerifiedEmails

_NO_PLACE: Final[Mapping[str, str]] = {
    "lookup_secret": "the codes have too few random bits to be stored here",
    "code": "codes by mail need no credential here",
    "link_recovery": "links by mail need no credential here",
    "code_recovery": "codes by mail need no credential here",
}
_UNKNOWN: Final = "a credential of this type has no place here"
_NO_CONFIG: Final = "the export has no hash: ask for it with include_credential"
_OWN: Final = ("type", "version", "createdat", "updatedat")
_TOKENS: Final = ("initialidtoken", "initialaccesstoken", "initialrefreshtoken")


class Identities:
    """Converts the identities of one tenant. Their ids are the `sub`."""

    def __init__(self, tenant: str, sealer: TotpSealer) -> None:
        self._tenant = tenant
        self._sealer = sealer
        self._emails = VerifiedEmails()

    def entries(self, fields: Fields) -> list[AnyEntry]:
        """Convert an identity with its credentials."""
        user_id = fields.need("id", uuid)
        sub = str(user_id)
        traits = fields.take("traits", json_object, {})
        emails = self._take_email(fields, traits)
        credentials = fields.take("credentials", json_object, {})
        password, names = self._password(fields, credentials)
        user: dict[str, object] = {
            "id": user_id,
            "subject_id": sub,
            "username": username(_username(names, traits, emails) or sub),
            "password_hash": password,
            "status": _status(fields),
            "created_at": fields.attempt("createdat", moment, None),
            "updated_at": fields.attempt("updatedat", moment, None),
            **emails,
            **_profile(traits),
        }
        rest: list[AnyEntry] = []
        for kind, credential in credentials.items():
            rest += self._credential(fields, kind, Fields(json_object(credential)), sub)
        fields.drop("where the schema is served", "schemaurl")
        kept = {"traits": plain_json(traits), **fields.rest()}
        found = user["attributes"]
        attributes = dict(found) if isinstance(found, dict) else {}
        user["attributes"] = attributes | keep("kratos", kept, fields.dropped)
        return [UserEntry.model_validate(user), *rest]

    def skip(self, identity: Mapping[str, JsonValue]) -> None:
        """Remember what an identity before the first one claims."""
        fields = Fields(identity)
        with suppress(ConversionError):
            traits = fields.take("traits", json_object, {})
            self._take_email(fields, traits)

    def _take_email(
        self, fields: Fields, traits: Mapping[str, JsonValue]
    ) -> dict[str, object]:
        """Convert the trait `email`, or the first address that can be verified."""
        listed = fields.take("verifiableaddresses", objects, [])
        given = traits.get("email")
        mails = [each.get("value") for each in listed if each.get("via") == "email"]
        address = given if isinstance(given, str) else next(iter(mails), None)
        is_verified = any(
            each.get("value") == address and each.get("verified") for each in listed
        )
        found = Fields({"email": address, "emailVerified": is_verified})
        converted = self._emails.take(found, "emailVerified")
        fields.dropped += found.dropped
        fields.put_back("verifiable_addresses", list[JsonValue](listed))
        return converted

    def _password(
        self, fields: Fields, credentials: dict[str, JsonValue]
    ) -> tuple[str | None, tuple[str, ...]]:
        """Return the hash of the password, and the names that go with it."""
        credential = Fields(json_object(credentials.pop("password", {})))
        names = credential.take("identifiers", text_list, ())
        config = Fields(credential.take("config", json_object, {}))
        stored = config.attempt("hashedpassword", password_hash, None)
        config.drop("the hash is still in the older store", "usepasswordmigrationhook")
        if names and stored is None and not config.dropped:
            config.dropped.append(Dropped(field="config", reason=_NO_CONFIG))
        credential.drop("of Kratos itself", *_OWN)
        fields.report("credentials.password", config, credential)
        fields.put_back("identifiers", list[JsonValue](names))
        return stored, names

    def _credential(
        self, fields: Fields, kind: str, credential: Fields, sub: str
    ) -> Iterator[AnyEntry]:
        names = credential.take("identifiers", text_list, ())
        config = Fields(credential.take("config", json_object, {}))
        credential.drop("of Kratos itself", *_OWN)
        try:
            if kind in ("oidc", "saml"):
                yield from _accounts(fields, config, names, sub)
            elif kind in ("webauthn", "passkey"):
                yield from passkey_entries(config, sub)
            elif kind == "totp":
                yield totp_entry(config, sub, self._tenant, self._sealer)
            else:
                raise ConversionError(_NO_PLACE.get(kind, _UNKNOWN))
        except ConversionError as error:
            reason = str(error)
            fields.dropped.append(Dropped(field=f"credentials.{kind}", reason=reason))
        else:
            config.drop_rest()
            credential.drop_rest()
            fields.report(f"credentials.{kind}", config, credential)


def _accounts(
    fields: Fields, config: Fields, names: tuple[str, ...], sub: str
) -> Iterator[UserIdentityEntry]:
    """Convert accounts at other providers. `names` are `provider:subject`."""
    listed = config.take("providers", objects, None)
    if listed is None:
        pairs = [name.partition(":") for name in names]
        listed = [{"provider": left, "subject": right} for left, _, right in pairs]
    for each in listed:
        account = Fields(each)
        account.drop("tokens of providers are not stored", *_TOKENS)
        provider = account.need("provider", text)
        subject = account.need("subject", text)
        yield UserIdentityEntry(
            issuer=known_issuer(provider) or f"kratos:{provider}",
            subject=subject,
            user=sub,
            profile=keep("kratos", account.rest(), account.dropped),
        )
        fields.report("credentials.oidc", account)


def _username(
    names: tuple[str, ...],
    traits: Mapping[str, JsonValue],
    emails: Mapping[str, object],
) -> str | None:
    given = traits.get("username")
    if isinstance(given, str) and given:
        return given
    email = emails["email"]
    return next(iter(names), email if isinstance(email, str) else None)


def _status(fields: Fields) -> str:
    state = fields.take("state", text, "active")
    return "active" if state == "active" else "suspended"


def _profile(traits: Mapping[str, JsonValue]) -> dict[str, object]:
    """Convert the names that the schemas of Kratos' documentation have."""
    name = traits.get("name")
    if isinstance(name, str):
        return {"display_name": name, "attributes": {"name": name}}
    parts = name if isinstance(name, dict) else {}
    given, family = parts.get("first"), parts.get("last")
    claims = {"given_name": given, "family_name": family}
    found = {key: value for key, value in claims.items() if isinstance(value, str)}
    return {"display_name": " ".join(found.values()), "attributes": found}
