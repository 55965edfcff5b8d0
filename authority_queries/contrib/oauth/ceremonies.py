"""Ceremonies of WebAuthn level 3: the questions to browsers, and their answers.

py_webauthn (BSD-3-Clause) makes the options and verifies the signatures.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import (
    VerifiedAuthentication,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from authority_queries.contrib.oauth.sealing import seal, unseal_members
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.contrib.oauth.sign_ins import LIFETIME
from authority_queries.errors import ConfigurationError
from authority_queries.records import User, WebauthnCredential

_Kind = Literal["webauthn.create", "webauthn.get"]
_OCTETS: Final = 32
_TIMEOUT: Final = int(LIFETIME.total_seconds() * 1000)
_REQUIRED: Final = UserVerificationRequirement.REQUIRED
# Errors of the libraries for texts and CBOR that a stranger wrote.
_MALFORMED: Final = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """The values of a page: `options` for its script, and `sealed` for its form.

    `options` is JSON for `PublicKeyCredential.parseCreationOptionsFromJSON` or
    `parseRequestOptionsFromJSON`.
    """

    options: str
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A question to a browser. `user_id` is the owner of a new passkey."""

    octets: bytes = field(repr=False)
    expires_at: datetime
    user_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPasskey:
    """A passkey whose registration is verified."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: UUID
    transports: Sequence[str]
    backup_eligible: bool
    backed_up: bool


class RelyingParty:
    """The issuer, which authenticators know by its host name.

    Raises ConfigurationError for an issuer whose host is an IP address, because
    browsers have no passkeys for it.
    """

    def __init__(self, settings: ProviderSettings, name: str) -> None:
        parts = urlsplit(settings.issuer)
        if not has_host_name(settings):
            message = "passkeys need an issuer with a host name, not an IP address"
            raise ConfigurationError(message)
        self._settings = settings
        self._name = name
        self._rp_id = parts.hostname or ""
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def ask_to_create(
        self, user: User, known: Sequence[WebauthnCredential], *, browser: str
    ) -> Ceremony:
        """Ask for a new passkey, which its authenticator finds without a username."""
        challenge = secrets.token_bytes(_OCTETS)
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._name,
            user_id=user.id.bytes,
            user_name=user.username,
            user_display_name=user.display_name or user.username,
            challenge=challenge,
            timeout=_TIMEOUT,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=_REQUIRED,
            ),
            exclude_credentials=_described(known),
        )
        sealed = self._seal("webauthn.create", challenge, browser, user.id)
        return Ceremony(options=options_to_json(options), sealed=sealed)

    def ask(
        self, known: Sequence[WebauthnCredential] = (), *, browser: str
    ) -> Ceremony:
        """Ask for a signature of one of these passkeys, or of any."""
        challenge = secrets.token_bytes(_OCTETS)
        options = generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=_TIMEOUT,
            allow_credentials=_described(known),
            user_verification=_REQUIRED,
        )
        sealed = self._seal("webauthn.get", challenge, browser)
        return Ceremony(options=options_to_json(options), sealed=sealed)

    def verify_new(self, answer: str, challenge: Challenge) -> NewPasskey | None:
        """Return the passkey that the browser has created. None: a wrong answer."""
        try:
            credential = parse_registration_credential_json(answer)
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge.octets,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            return None
        transports = credential.response.transports or []
        return NewPasskey(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            aaguid=UUID(verified.aaguid),
            transports=[transport.value for transport in transports],
            backup_eligible=is_eligible(verified.credential_device_type),
            backed_up=verified.credential_backed_up,
        )

    def verify(
        self,
        credential: AuthenticationCredential,
        known: WebauthnCredential,
        challenge: Challenge,
    ) -> VerifiedAuthentication | None:
        """Return the data of a valid signature. The store compares the counters."""
        try:
            return verify_authentication_response(
                credential=credential,
                expected_challenge=challenge.octets,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=known.public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except _MALFORMED:
            return None

    def unseal(self, kind: _Kind, text: str, *, browser: str) -> Challenge:
        """Return the challenge of a form of this browser. Raises ProtocolError."""
        members = unseal_members(text, kind, self._settings, browser=browser)
        user_id = members["user_id"]
        return Challenge(
            octets=base64.b64decode(str(members["challenge"])),
            expires_at=datetime.fromisoformat(str(members["expires_at"])),
            user_id=None if user_id is None else UUID(str(user_id)),
        )

    def _seal(
        self, kind: _Kind, challenge: bytes, browser: str, user_id: UUID | None = None
    ) -> str:
        members = {
            "challenge": base64.b64encode(challenge).decode(),
            "expires_at": (datetime.now(UTC) + LIFETIME).isoformat(),
            "user_id": None if user_id is None else str(user_id),
        }
        return seal(members, kind, self._settings, browser=browser)


def has_host_name(settings: ProviderSettings) -> bool:
    """Return whether the issuer's host is a name, as passkeys require."""
    try:
        ip_address(urlsplit(settings.issuer).hostname or "")
    except ValueError:
        return True
    return False


def parse_answer(answer: str) -> AuthenticationCredential | None:
    """Return an assertion, which is not verified yet. None: it is malformed."""
    try:
        return parse_authentication_credential_json(answer)
    except _MALFORMED:
        return None


def is_eligible(kind: CredentialDeviceType) -> bool:
    """Return whether a passkey may be copied to other devices of its owner."""
    return kind is CredentialDeviceType.MULTI_DEVICE


def _described(
    known: Sequence[WebauthnCredential],
) -> list[PublicKeyCredentialDescriptor]:
    names = {each.value: each for each in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=each.credential_id,
            transports=[names[name] for name in each.transports if name in names],
        )
        for each in known
    ]
