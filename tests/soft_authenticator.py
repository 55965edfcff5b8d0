"""An authenticator in software, whose ceremonies py_webauthn verifies.

It has what real ones have: an ES256 key a credential, flags, a signature counter, and
answers in the JSON of `PublicKeyCredential.toJSON()` (WebAuthn level 3).
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers.structs import CredentialDeviceType

from authority_queries import Store
from authority_queries.records import User, WebauthnEnrollment, WebauthnUse

RP_ID = "auth.example"
ORIGIN = "https://auth.example"
AAGUID = UUID("00112233-4455-6677-8899-aabbccddeeff")
_UP, _UV, _BE, _BS, _AT = 0x01, 0x04, 0x08, 0x10, 0x40


def new_challenge() -> bytes:
    return secrets.token_bytes(32)


def in_5_minutes() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


@dataclass(kw_only=True)
class SoftAuthenticator:
    """A device with one credential. `counts` is False for a synchronized passkey."""

    user_handle: bytes
    counts: bool = True
    verifies_user: bool = True
    backup_eligible: bool = False
    backed_up: bool = False
    sign_count: int = 0
    rp_id: str = RP_ID
    origin: str = ORIGIN
    aaguid: UUID = AAGUID
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def clone(self) -> "SoftAuthenticator":
        """Return a copy with the same key, credential and counter."""
        return replace(self)

    def create(self, challenge: bytes) -> dict[str, Any]:
        """Answer `navigator.credentials.create`, with attestation none."""
        attested = (
            self.aaguid.bytes
            + len(self.credential_id).to_bytes(2, "big")
            + self.credential_id
            + self._cose_key()
        )
        attestation = {
            "fmt": "none",
            "attStmt": {},
            "authData": self._authenticator_data(_AT) + attested,
        }
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", challenge),
            attestationObject=cbor2.dumps(attestation),
        )

    def get(self, challenge: bytes) -> dict[str, Any]:
        """Answer `navigator.credentials.get`, and count the answer."""
        self.sign_count += self.counts
        data = self._authenticator_data(0)
        client_data = self._client_data("webauthn.get", challenge)
        signed = data + hashlib.sha256(client_data).digest()
        return self._answer(
            clientDataJSON=client_data,
            authenticatorData=data,
            signature=self.key.sign(signed, ec.ECDSA(hashes.SHA256())),
            userHandle=self.user_handle,
        )

    def _authenticator_data(self, flags: int) -> bytes:
        flags |= _UP | (_UV if self.verifies_user else 0)
        flags |= (_BE if self.backup_eligible else 0) | (_BS if self.backed_up else 0)
        return (
            hashlib.sha256(self.rp_id.encode()).digest()
            + bytes([flags])
            + self.sign_count.to_bytes(4, "big")
        )

    def _client_data(self, kind: str, challenge: bytes) -> bytes:
        challenged = {"type": kind, "challenge": _base64url(challenge)}
        return json.dumps({**challenged, "origin": self.origin}).encode()

    def _cose_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _answer(self, **response: bytes) -> dict[str, Any]:
        return {
            "id": _base64url(self.credential_id),
            "rawId": _base64url(self.credential_id),
            "type": "public-key",
            "response": {name: _base64url(value) for name, value in response.items()},
            "clientExtensionResults": {},
        }


def enroll(
    store: Store,
    user: User,
    device: SoftAuthenticator,
    challenge: bytes | None = None,
    **fields: Any,
) -> WebauthnEnrollment:
    """Register as a server does: verify with py_webauthn, then store."""
    challenge = challenge or new_challenge()
    verified = verify_registration_response(
        credential=device.create(challenge),
        expected_challenge=challenge,
        expected_rp_id=RP_ID,
        expected_origin=ORIGIN,
    )
    return store.webauthn_credentials.enroll(
        tenant_id=user.tenant_id,
        user_id=user.id,
        **{
            "challenge": challenge,
            "challenge_expires_at": in_5_minutes(),
            "credential_id": verified.credential_id,
            "public_key": verified.credential_public_key,
            "sign_count": verified.sign_count,
            "aaguid": UUID(verified.aaguid),
            "backup_eligible": _is_eligible(verified.credential_device_type),
            "backed_up": verified.credential_backed_up,
            "user_verified": verified.user_verified,
            **fields,
        },
    )


def assertion(
    store: Store, tenant_id: UUID, device: SoftAuthenticator, challenge: bytes
) -> dict[str, Any]:
    """Verify the device's answer, and return the arguments of `use` without a user."""
    known = store.webauthn_credentials.get_by_credential_id(
        tenant_id=tenant_id, credential_id=device.credential_id
    )
    assert known is not None
    verified = verify_authentication_response(
        credential=device.get(challenge),
        expected_challenge=challenge,
        expected_rp_id=RP_ID,
        expected_origin=ORIGIN,
        credential_public_key=known.public_key,
        credential_current_sign_count=0,
    )
    return {
        "tenant_id": tenant_id,
        "user_id": None,
        "challenge": challenge,
        "challenge_expires_at": in_5_minutes(),
        "credential_id": verified.credential_id,
        "user_handle": device.user_handle,
        "sign_count": verified.new_sign_count,
        "backup_eligible": _is_eligible(verified.credential_device_type),
        "backed_up": verified.credential_backed_up,
    }


def sign_in(
    store: Store, tenant_id: UUID, device: SoftAuthenticator, **fields: Any
) -> WebauthnUse:
    """Assert as a server does: verify with py_webauthn, then have the store decide."""
    checked = assertion(store, tenant_id, device, new_challenge())
    return store.webauthn_credentials.use(**{**checked, **fields})


def _is_eligible(kind: CredentialDeviceType) -> bool:
    return kind is CredentialDeviceType.MULTI_DEVICE


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
