"""Passkeys and security keys of users (WebAuthn level 3)."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import octets
from authority_queries.queries import webauthn_credentials as queries
from authority_queries.records import (
    WebauthnCredential,
    WebauthnEnrollment,
    WebauthnUse,
)
from authority_queries.repositories._async.repository import AsyncRepository

_UNDISCLOSED: Final = UUID(int=0)
# WebAuthn level 3 section 13.4.3 requires 16 octets.
_challenge: Final = octets(16, 1024)


class AsyncWebauthnCredentials(AsyncRepository):
    """Queries of `queries/webauthn_credentials.sql`.

    A library, such as py_webauthn, verifies the signatures of a ceremony. The store
    decides what races: that a challenge is used once, that a signature counter only
    grows, and that a credential belongs to one user. A refusal is an outcome, not an
    error.

    `credential_id` is the authenticator's, as raw octets. `webauthn_credential_id` is
    `WebauthnCredential.id`. `challenge` is that of the verified client data, which your
    server made for this browser, and `challenge_expires_at` its end, the same at every
    presentation, at most a day away.
    """

    async def enroll(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        challenge: bytes,
        challenge_expires_at: datetime,
        credential_id: bytes,
        public_key: bytes,
        sign_count: int,
        backup_eligible: bool,
        backed_up: bool,
        user_verified: bool,
        aaguid: UUID = _UNDISCLOSED,
        transports: Sequence[str] = (),
        discoverable: bool | None = None,
        user_handle: bytes | None = None,
        name: str = "",
    ) -> WebauthnEnrollment:
        """Store the credential of a verified registration (section 7.1).

        `public_key` is the COSE_Key. `backup_eligible`, `backed_up` and `user_verified`
        are the flags BE, BS and UV. `user_handle` is the `user.id` that the options
        had; None means `user_id.bytes`, 16 random octets without personal data (section
        14.6.1). Raises InvalidValueError for a backed_up credential that is not
        backup_eligible, InvalidArgumentError.
        """
        return await queries.enroll_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            challenge_hash=_hash_of(challenge),
            challenge_expires_at=challenge_expires_at,
            credential_id=credential_id,
            user_handle=user_id.bytes if user_handle is None else user_handle,
            public_key=public_key,
            sign_count=sign_count,
            aaguid=aaguid,
            transports=transports,
            discoverable=discoverable,
            backup_eligible=backup_eligible,
            backed_up=backed_up,
            uv_initialized=user_verified,
            name=name,
        )

    async def get_by_credential_id(
        self, *, tenant_id: UUID, credential_id: bytes
    ) -> WebauthnCredential | None:
        """Get the credential that an assertion names, to verify its signature."""
        return await queries.get_by_credential_id_async(
            self._connection, tenant_id=tenant_id, credential_id=credential_id
        )

    async def list_by_user(
        self, *, tenant_id: UUID, user_id: UUID
    ) -> Sequence[WebauthnCredential]:
        """List the user's credentials, oldest first."""
        return await queries.list_by_user_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def use(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID | None,
        challenge: bytes,
        challenge_expires_at: datetime,
        credential_id: bytes,
        user_handle: bytes | None,
        sign_count: int,
        backup_eligible: bool,
        backed_up: bool,
        initializes_uv: bool = False,
    ) -> WebauthnUse:
        """Decide a verified assertion (section 7.2), and record the use.

        `user_id` is the user who was identified before, by name or session, or None:
        then `user_handle` is required, and the result names the user. Call this after
        the signature and all other checks. Have the library compare `sign_count` with
        0, because the store decides on the current one. `clone_suspected` is a signal,
        not a proof: two assertions of one authenticator that overtake each
        other look the same.

        Pass `initializes_uv=True` if the flag UV was set and the user has presented
        another factor too. A rollback must not free the challenge: raises
        OpenTransactionError inside a transaction; InvalidArgumentError,
        InvalidValueError.
        """
        async with self._at_once("webauthn_credentials.use"):
            return await queries.use_async(
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
                challenge_hash=_hash_of(challenge),
                challenge_expires_at=challenge_expires_at,
                credential_id=credential_id,
                user_handle=user_handle,
                sign_count=sign_count,
                backup_eligible=backup_eligible,
                backed_up=backed_up,
                initializes_uv=initializes_uv,
            )

    async def rename(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        webauthn_credential_id: UUID,
        name: str,
    ) -> bool:
        """Change what the user calls a credential. False if the user has none such."""
        return bool(
            await queries.rename_async(
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
                webauthn_credential_id=webauthn_credential_id,
                name=name,
            )
        )

    async def delete(
        self, *, tenant_id: UUID, user_id: UUID, webauthn_credential_id: UUID
    ) -> bool:
        """Delete a credential. False if the user has none such.

        The caller decides whether it may be the user's last factor.
        """
        return bool(
            await queries.delete_async(
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
                webauthn_credential_id=webauthn_credential_id,
            )
        )


def _hash_of(challenge: bytes) -> bytes:
    return hashlib.sha256(_challenge("challenge", challenge)).digest()
