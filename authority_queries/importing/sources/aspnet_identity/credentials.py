"""Second factors and passkeys of ASP.NET Core Identity."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
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
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    TotpCredentialEntry,
    WebauthnCredentialEntry,
)
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.fields import Fields, id_of
from authority_queries.importing.sources.totp import TotpSealer, from_base32

_RECOVERY: Final = "recovery codes have another form here: the user gets new ones"
_FOREIGN: Final = "tokens of other providers are not stored"
_UNSEALED: Final = "a TOTP secret needs a keyring and an existing tenant"
_DISABLED: Final = "the user has not enabled two-factor authentication"
# Where authenticator data has the AAGUID (Web Authentication section 6.1).
_AAGUID: Final = slice(37, 53)
_HEADS: Final = {0x58: 2, 0x59: 3}  # of a byte string in CBOR, with its size


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Encrypts TOTP secrets for the users of a tenant. `tenant` is its code."""

    sealer: TotpSealer
    tenant: str


def seal_of(options: SourceOptions, tenant: str) -> Seal | None:
    """Return how a source encrypts TOTP secrets, or None if it cannot."""
    if options.keyring is None or options.tenant_id is None:
        return None
    sealer = TotpSealer(keyring=options.keyring, tenant_id=options.tenant_id)
    return Seal(sealer=sealer, tenant=tenant)


def convert_tokens(
    tokens: Iterable[Fields], *, user: str, is_enabled: bool, seal: Seal | None
) -> Iterator[TotpCredentialEntry]:
    """Convert the authenticator key of a user, and drop all other tokens.

    `is_enabled`: the user has confirmed the key by a code.
    """
    for token in tokens:
        token.take("userid", text, None)
        token.take("loginprovider", text, None)
        name = token.take("name", text, "")
        if name != "AuthenticatorKey":
            token.drop(_RECOVERY if name == "RecoveryCodes" else _FOREIGN, "value")
        elif not is_enabled or seal is None:
            token.drop(_UNSEALED if is_enabled else _DISABLED, "value")
        else:
            found = token.attempt("value", partial(_sealed, user=user, seal=seal), None)
            if found is not None:
                yield found
        token.drop_rest()


def _sealed(value: object, *, user: str, seal: Seal) -> TotpCredentialEntry:
    # Identity's authenticators have SHA1, 6 digits and 30 seconds.
    return seal.sealer.seal(
        id=derive_id(seal.tenant, "totp_credential", user),
        user=user,
        user_id=id_of(seal.tenant, "user", user),
        secret=from_base32(text(value)),
    )


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
