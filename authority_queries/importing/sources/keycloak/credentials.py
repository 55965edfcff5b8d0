"""Credentials of Keycloak's users: passwords, passkeys, TOTP secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    ConversionError,
    base64,
    base64url,
    epoch_milliseconds,
    integer,
    json_object,
    keycloak_hash,
    plain_json,
    plain_password,
    text,
    text_list,
    uuid,
)
from authority_queries.importing.documents import Dropped, derive_id
from authority_queries.importing.entries import AnyEntry, WebauthnCredentialEntry
from authority_queries.importing.sources.fields import Fields
from authority_queries.importing.sources.keycloak.realms import Realm, as_uuid
from authority_queries.importing.sources.totp import TotpSealer, from_base32

_TOTP: Final = frozenset({"otp", "totp"})
_PASSKEYS: Final = frozenset({"webauthn", "webauthn-passwordless"})
_REASONS: Final[Mapping[str, str]] = {
    "hotp": "codes of a counter have no place here",
    "password-history": "old passwords are not stored",
    "recovery-authn-codes": "the codes have too few random bits to be stored here",
}
_NO_PLACE: Final = "a credential of this type has no place here"


@dataclass(slots=True, kw_only=True)
class Credentials:
    """The credentials of one user, converted.

    What cannot be imported is reported in the fields of the user.
    """

    realm: Realm
    reported: Fields
    sealer: TotpSealer
    user: str
    user_id: UUID
    password_hash: str | None = field(default=None, repr=False)
    entries: list[AnyEntry] = field(default_factory=list)

    def add(self, number: int, credential: Mapping[str, JsonValue]) -> None:
        """Convert one credential of the user."""
        fields = Fields(credential)
        kind = fields.take("type", text, "password")
        try:
            if kind == "password":
                self._add_password(fields)
            elif kind in _TOTP:
                self._add_totp(fields, str(number))
            elif kind in _PASSKEYS:
                self._add_passkey(fields, kind)
            else:
                raise ConversionError(_REASONS.get(kind, _NO_PLACE))
        except ConversionError as error:
            self.reported.dropped.append(
                Dropped(field=f"credentials.{kind}", reason=str(error))
            )
        else:
            fields.drop("each credential counts the same", "priority")
            fields.drop_rest()
            self.reported.report(f"credentials.{kind}", fields)

    def _add_password(self, fields: Fields) -> None:
        plain = fields.take("value", text, None)
        data = fields.take("credentialdata", text, None)
        secret = fields.take("secretdata", text, None)
        if plain is not None:
            self.password_hash = plain_password(plain)
            reason = "a plain password: stored as a hash"
            fields.dropped.append(Dropped(field="value", reason=reason))
        elif data is not None and secret is not None:
            given = {"credentialData": data, "secretData": secret}
            self.password_hash = keycloak_hash(given)
        else:
            self.password_hash = _old_hash(fields)
        fields.drop("a user has one password", "id", "userlabel", "createddate")
        fields.drop("see requiredActions", "temporary")

    def _add_totp(self, fields: Fields, number: str) -> None:
        data = Fields(
            _old_totp(fields) | fields.take("credentialdata", json_object, {})
        )
        secret = Fields(fields.take("secretdata", json_object, {}))
        if data.take("subtype", text, "totp") != "totp":
            raise ConversionError(_REASONS["hotp"])
        old = fields.take("hashedsaltedvalue", text, None)
        value = old or secret.need("value", text)
        is_base32 = data.take("secretencoding", text, "") == "BASE32"
        created = fields.take("createddate", epoch_milliseconds, None)
        key = f"{self.user}\n{number}"
        entry = self.sealer.seal(
            id=fields.take("id", _uuid_or_none, None)
            or derive_id(self.realm.code, "totp_credential", key),
            user=self.user,
            user_id=self.user_id,
            secret=from_base32(value) if is_base32 else value.encode(),
            algorithm=data.take("algorithm", text, "HmacSHA1"),
            digits=data.take("digits", integer, 6),
            period=data.take("period", integer, 30),
            name=fields.take("userlabel", text, ""),
            created_at=created,
        )
        data.drop("of HOTP", "counter")
        fields.dropped += data.dropped
        self.entries.append(entry)

    def _add_passkey(self, fields: Fields, kind: str) -> None:
        data = Fields(fields.need("credentialdata", json_object))
        fields.drop("attestations are not stored", "secretdata")
        data.drop(
            "attestations are not stored",
            "attestationstatement",
            "attestationstatementformat",
        )
        policy = _policy(self.realm, kind)
        entry = WebauthnCredentialEntry(
            id=fields.take("id", _uuid_or_none, None),
            user=self.user,
            credential_id=data.need("credentialid", base64),
            # Keycloak registers the text of the user's id.
            user_handle=self.user.encode(),
            public_key=data.need("credentialpublickey", base64url),
            sign_count=data.take("counter", integer, 0),
            aaguid=data.take("aaguid", uuid, UUID(int=0)),
            transports=tuple(data.take("transports", text_list, ())),
            discoverable=True if policy["RequireResidentKey"] == "Yes" else None,
            uv_initialized=policy["UserVerificationRequirement"] == "required",
            name=fields.take("userlabel", text, ""),
            created_at=fields.take("createddate", epoch_milliseconds, None),
        )
        data.drop_rest()
        fields.dropped += data.dropped
        self.entries.append(entry)


def _policy(realm: Realm, kind: str) -> Mapping[str, JsonValue]:
    """Return the realm's rules for passkeys of this type."""
    use = "Passwordless" if kind == "webauthn-passwordless" else ""
    return {
        name: realm.fields.get(f"webAuthnPolicy{use}{name}")
        for name in ("RequireResidentKey", "UserVerificationRequirement")
    }


def _old_hash(fields: Fields) -> str:
    """Convert the hash of an export before Keycloak 8."""
    data = {
        "algorithm": fields.take("algorithm", text, "pbkdf2"),
        "hashIterations": fields.take("hashiterations", integer, 1),
        "additionalParameters": {},
    }
    secret = {
        "salt": fields.need("salt", text),
        "value": fields.need("hashedsaltedvalue", text),
    }
    fields.drop("not used by a password", "digits", "counter", "period", "device")
    return keycloak_hash({"credentialData": data, "secretData": secret})


def _old_totp(fields: Fields) -> dict[str, JsonValue]:
    """Return the rules of a secret in an export before Keycloak 8."""
    fields.drop("not used by TOTP", "hashiterations", "salt", "device")
    names = ("algorithm", "digits", "period", "counter")
    found = {name: fields.take(name, plain_json, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _uuid_or_none(value: object) -> UUID | None:
    return as_uuid(value)
