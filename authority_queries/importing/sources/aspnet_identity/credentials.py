"""Second factors and passkeys of ASP.NET Core Identity."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from authority_queries.importing.conversions import (
    base64,
    hexadecimal,
    integer,
    text,
    text_list,
    utc_moment,
)
from authority_queries.importing.entries import WebauthnCredentialEntry
from authority_queries.importing.sources.fields import Fields

_REASONS: Final = {
    "AuthenticatorKey": "a TOTP secret must be encrypted: the user enrolls again",
    "RecoveryCodes": "recovery codes have another form here: the user gets new ones",
}
_FOREIGN: Final = "tokens of other providers are not stored"
# Where authenticator data has the AAGUID (Web Authentication section 6.1).
_AAGUID: Final = slice(37, 53)
_HEADS: Final = {0x58: 2, 0x59: 3}  # of a byte string in CBOR, with its size


def drop_tokens(tokens: Iterable[Fields]) -> None:
    """Drop the tokens of a user: authenticator keys, and those of other providers."""
    for token in tokens:
        token.take("userid", text, None)
        token.take("loginprovider", text, None)
        token.drop(_REASONS.get(token.take("name", text, ""), _FOREIGN), "value")
        token.drop_rest()


def convert_passkey(passkey: Fields, *, user: str) -> WebauthnCredentialEntry:
    """Convert a passkey. Its `Data` may be a field of it, or the fields themselves.

    Identity's user handle is the user's id in UTF-8.
    """
    passkey.take("userid", text, None)
    credential_id = passkey.need("credentialid", _octets)
    data = passkey.part("data") or passkey
    attestation = data.attempt("attestationobject", _octets, b"")
    data.drop("client data is needed only to enroll", "clientdatajson")
    backed_up = data.flag("isbackedup")
    entry = WebauthnCredentialEntry(
        user=user,
        credential_id=credential_id,
        user_handle=user.encode(),
        public_key=data.need("publickey", _octets),
        sign_count=data.take("signcount", integer, 0),
        aaguid=_aaguid(attestation),
        transports=data.take("transports", text_list, ()),
        backup_eligible=data.flag("isbackupeligible", otherwise=backed_up),
        backed_up=backed_up,
        uv_initialized=data.flag("isuserverified"),
        name=data.take("name", text, ""),
        created_at=data.take("createdat", utc_moment, None),
    )
    data.drop_rest()
    passkey.drop_rest()
    return entry


def _octets(value: object) -> bytes:
    """Convert octets: base64 as in .NET's JSON, or as PostgreSQL writes bytea."""
    if isinstance(value, str) and value.startswith("\\x"):
        return hexadecimal(value)
    return base64(value)


def _aaguid(attestation: bytes) -> UUID:
    """Return the AAGUID in an attestation object, or the one of no model."""
    _, _, rest = attestation.partition(b"hauthData")
    found = rest[_HEADS.get(rest[0], 1) :][_AAGUID] if rest else b""
    whole = len(found) == _AAGUID.stop - _AAGUID.start
    return UUID(bytes=found) if whole else UUID(int=0)
