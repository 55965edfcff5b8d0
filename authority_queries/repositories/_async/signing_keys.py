"""Keys that sign tokens: published ahead, rotated, retired, withdrawn."""

from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import instance
from authority_queries.queries import signing_keys as queries
from authority_queries.records import (
    EncryptedSigningKey,
    JsonWebKeySet,
    SigningKeyPublication,
    SigningKeyRotation,
    SigningKeyState,
    SigningKeyWithdrawal,
)
from authority_queries.repositories._async.pages import page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_not_negative, check_positive
from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page
from authority_queries.secrets.encryption import Encrypted, Keyring
from authority_queries.secrets.signing_keys import (
    SigningAlgorithm,
    SigningKey,
    bound_to,
)

_DAY: Final = timedelta(days=1)

_ORDER: Final = by_text("signing_keys.list_states", "kid")


class AsyncSigningKeys(AsyncRepository):
    """Queries of `queries/signing_keys.sql`.

    Of each algorithm one key signs, and at most one comes next. `publish` adds the
    next one, and `rotate` makes it sign when every verifier has it. Private keys are
    encrypted and decrypted here, under the caller's `Keyring`.
    """

    async def publish(
        self,
        *,
        tenant_id: UUID,
        key: SigningKey,
        keyring: Keyring,
        publish_ahead: timedelta = _DAY,
    ) -> SigningKeyPublication:
        """Publish a key from `mint_signing_key`, which signs after the next rotation.

        `publish_ahead` is longer than verifiers cache the key set. The first key of an
        algorithm signs at once. Raises DuplicateError for a kid that was published
        before, InvalidArgumentError, InvalidValueError.
        """
        instance(SigningKey)("key", key)
        sealed = instance(Keyring)("keyring", keyring).encrypt(
            key.private_key, bound_to=bound_to(tenant_id, key.kid, key.alg)
        )
        return await queries.publish_async(
            self._connection,
            tenant_id=tenant_id,
            kid=key.kid,
            alg=key.alg,
            public_jwk=key.public_jwk,
            private_key=sealed.ciphertext,
            encryption_key_id=sealed.key_id,
            publish_ahead=check_not_negative("publish_ahead", publish_ahead),
        )

    async def get_signing(
        self, *, tenant_id: UUID, alg: SigningAlgorithm, keyring: Keyring
    ) -> SigningKey | None:
        """Get the key that signs with this algorithm now, with its private key.

        A service may keep it for a minute: `rotate` then needs a `tokens_live_for`
        that is longer by that much. Raises DecryptionError.
        """
        instance(Keyring)("keyring", keyring)
        found = await queries.get_signing_async(
            self._connection, tenant_id=tenant_id, alg=alg
        )
        if found is None:
            return None
        return SigningKey(
            kid=found.kid,
            alg=found.alg,
            public_jwk=found.public_jwk,
            private_key=keyring.decrypt(_sealed(found), bound_to=_row(found)),
        )

    async def get_jwks(self, *, tenant_id: UUID) -> JsonWebKeySet:
        """Get the document that the jwks_uri returns, and when it changes next.

        Let verifiers cache it no longer than `publish_ahead`, and not after
        `changes_at`.
        """
        return await queries.get_jwks_async(self._connection, tenant_id=tenant_id)

    async def list_states(
        self,
        *,
        tenant_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[SigningKeyState]:
        """List all keys with their states and times, in order of kid.

        Without private keys.
        """
        return await page_after(
            partial(
                queries.list_states_async,
                self._connection,
                tenant_id=tenant_id,
            ),
            _ORDER,
            after=after,
            page_size=page_size,
        )

    async def rotate(
        self, *, tenant_id: UUID, alg: SigningAlgorithm, tokens_live_for: timedelta
    ) -> SigningKeyRotation:
        """Make the next key of the algorithm sign, if it was published long enough.

        `tokens_live_for` is the longest lifetime of a token that the old key signed:
        it stays published for so long, and its private key is destroyed at once. Call
        it as often as you like: without a next key that is due nothing changes.
        """
        return await queries.rotate_async(
            self._connection,
            tenant_id=tenant_id,
            alg=alg,
            tokens_live_for=check_positive("tokens_live_for", tokens_live_for),
        )

    async def withdraw_compromised(
        self,
        *,
        tenant_id: UUID,
        kid: str,
        reason: str = "compromised",
        hint: bool = True,
    ) -> SigningKeyWithdrawal:
        """Withdraw a key at once, and publish it in the revocation feed.

        The key that comes next signs from now on, if this one did. If `signing_kid` is
        then None, publish a key: no other key of the algorithm signs. `hint` is that
        of `revocations.publish`, whose other publishers wait until this transaction
        ends.
        """
        return await queries.withdraw_compromised_async(
            self._connection, tenant_id=tenant_id, kid=kid, reason=reason, hint=hint
        )

    async def reencrypt(self, *, tenant_id: UUID, keyring: Keyring) -> int:
        """Encrypt the tenant's private keys under the current key of the keyring.

        Returns how many were under another key. One statement reads them, and one
        statement writes each. A key that is retired meanwhile is left out. Raises
        DecryptionError.
        """
        instance(Keyring)("keyring", keyring)
        stale = await queries.list_encrypted_otherwise_async(
            self._connection, tenant_id=tenant_id, encryption_key_id=keyring.current
        )
        replaced = 0
        for found in stale:
            sealed = keyring.reencrypt(_sealed(found), bound_to=_row(found))
            replaced += await queries.replace_ciphertext_async(
                self._connection,
                tenant_id=tenant_id,
                kid=found.kid,
                old_private_key=found.private_key,
                private_key=sealed.ciphertext,
                encryption_key_id=sealed.key_id,
            )
        return replaced

    async def prune_expired(
        self, *, older_than: timedelta = _DAY, batch_size: int = 1000
    ) -> int:
        """Delete a batch of keys that left the key set this long ago, of all tenants.

        Returns how many; call it again while that is `batch_size`. Calls may run
        concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )


def _sealed(found: EncryptedSigningKey) -> Encrypted:
    return Encrypted(ciphertext=found.private_key, key_id=found.encryption_key_id)


def _row(found: EncryptedSigningKey) -> tuple[str | UUID, ...]:
    return bound_to(found.tenant_id, found.kid, found.alg)
