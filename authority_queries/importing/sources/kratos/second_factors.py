"""Passkeys and TOTP secrets of identities."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from authority_queries.importing.conversions import (
    base64,
    boolean,
    integer,
    json_object,
    moment,
    text,
    text_list,
)
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    TotpCredentialEntry,
    WebauthnCredentialEntry,
)
from authority_queries.importing.sources.fields import Fields
from authority_queries.importing.sources.objects import objects
from authority_queries.importing.sources.totp import TotpSealer, from_base32

_UUID_OCTETS: Final = 16


def passkey_entries(config: Fields, sub: str) -> Iterator[WebauthnCredentialEntry]:
    """Convert the passkeys of an identity."""
    handle = config.take("userhandle", base64, b"") or UUID(sub).bytes
    for each in config.take("credentials", objects, []):
        passkey = Fields(each)
        device = Fields(passkey.take("authenticator", json_object, {}))
        flags = Fields(passkey.take("flags", json_object, {}))
        is_verified = flags.take("userverified", boolean, otherwise=False)
        aaguid = device.take("aaguid", base64, b"")
        eligible = flags.take("backupeligible", boolean, otherwise=False)
        alone = passkey.take("ispasswordless", boolean, otherwise=False)
        names = ("transport", "transports")
        lists = [passkey.take(name, text_list, ()) for name in names]
        yield WebauthnCredentialEntry(
            user=sub,
            credential_id=passkey.need("id", base64),
            user_handle=handle,
            public_key=passkey.need("publickey", base64),
            sign_count=device.take("signcount", integer, 0),
            aaguid=UUID(bytes=aaguid) if len(aaguid) == _UUID_OCTETS else UUID(int=0),
            transports=lists[0] or lists[1],
            discoverable=True if alone else None,
            backup_eligible=eligible,
            backed_up=eligible and flags.take("backupstate", boolean, otherwise=False),
            uv_initialized=is_verified,
            name=passkey.take("displayname", text, ""),
            created_at=passkey.attempt("addedat", moment, None),
        )
        flags.drop("always true", "userpresent")
        device.drop("the time of the warning is not known", "clonewarning")
        passkey.drop("attestations are not stored", "attestationtype", "attestation")
        for part in (passkey, device, flags):
            part.drop_rest()
            config.dropped += part.dropped


def totp_entry(
    config: Fields, sub: str, tenant: str, sealer: TotpSealer
) -> TotpCredentialEntry:
    """Convert the otpauth URI of an identity."""
    uri = urlsplit(config.need("totpurl", text))
    rules = Fields(dict(parse_qsl(uri.query)))
    rules.drop("a label", "issuer")
    return sealer.seal(
        id=derive_id(tenant, "totp_credential", sub),
        user=sub,
        user_id=UUID(sub),
        secret=from_base32(rules.need("secret", text)),
        algorithm=rules.take("algorithm", text, "SHA1"),
        digits=rules.take("digits", integer, 6),
        period=rules.take("period", integer, 30),
    )
