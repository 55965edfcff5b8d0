"""TOTP secrets of users (RFC 6238)."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authority_queries.credentials.totp import TotpSecret
from authority_queries.engine.checks import instance
from authority_queries.queries import totp_credentials as queries
from authority_queries.records import (
    EncryptedTotp,
    TotpConfirmation,
    TotpEnrollment,
    TotpUse,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_page_size,
    check_positive,
    check_within,
)
from authority_queries.secrets.encryption import Encrypted, Keyring

_TEN_MINUTES: Final = timedelta(minutes=10)
_MAX_DRIFT: Final = 10
_BEGINNING: Final = UUID(int=0)
_keyring: Final = instance(Keyring)


class AsyncTotpCredentials(AsyncRepository):
    """Queries of `queries/totp_credentials.sql`.

    The store keeps a secret encrypted: `keyring` holds the caller's keys, which are
    never sent. A code is compared here, with the time of the database; the statement
    accepts each time step once. `totp_credential_id` is the id of the row.

    A code of 6 digits can be guessed. Call `login_attempts.reserve(…, factor="totp")`
    before each `check`, and `succeed` after an accepted code.
    """

    async def enroll(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        secret: TotpSecret,
        keyring: Keyring,
        name: str = "",
        lifetime: timedelta = _TEN_MINUTES,
    ) -> TotpEnrollment:
        """Store a secret of `mint_totp_secret`, which is pending until `confirm`.

        It replaces a pending one of the user. Confirmed ones stay. The first code must
        come within `lifetime`. Raises InvalidArgumentError.
        """
        instance(TotpSecret)("secret", secret)
        encrypted = _keyring("keyring", keyring).encrypt(
            secret.secret, bound_to=_bound_to(tenant_id, user_id)
        )
        return await queries.enroll_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            secret_ciphertext=encrypted.ciphertext,
            encryption_key_id=encrypted.key_id,
            algorithm=secret.algorithm,
            digits=secret.digits,
            period=secret.period,
            name=name,
            lifetime=check_positive("lifetime", lifetime),
        )

    async def confirm(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        code: str,
        keyring: Keyring,
        drift: int = 1,
    ) -> TotpConfirmation:
        """Confirm the user's pending secret with a first code, in two trips.

        The code proves that the application computes what the store would. Its time
        step is used up. `drift` is as in `check`. Raises DecryptionError,
        InvalidArgumentError.
        """
        check_within("drift", drift, 0, _MAX_DRIFT)
        pending = await queries.get_pending_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )
        step = None if pending is None else _step_of(pending, code, keyring, drift)
        if pending is None or step is None:
            return TotpConfirmation(outcome="invalid")
        return await queries.confirm_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            totp_credential_id=pending.id,
            step=step,
            drift=drift,
        )

    async def check(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        code: str,
        keyring: Keyring,
        drift: int = 1,
    ) -> TotpUse:
        """Check a code against the user's confirmed secrets, in one or two trips.

        Codes of the current time step and of `drift` steps before and after it match
        (RFC 6238 section 5.2); a larger drift gives a guesser more right codes. Each
        step is accepted once, and none before an accepted one. A rollback must not free
        a step: raises OpenTransactionError inside a transaction; DecryptionError,
        InvalidArgumentError.
        """
        check_within("drift", drift, 0, _MAX_DRIFT)
        async with self._at_once("totp_credentials.check"):
            confirmed = await queries.list_confirmed_async(
                self._connection, tenant_id=tenant_id, user_id=user_id
            )
            steps = [(each, _step_of(each, code, keyring, drift)) for each in confirmed]
            for totp, step in steps:
                if step is not None:
                    return await queries.use_async(
                        self._connection,
                        tenant_id=tenant_id,
                        user_id=user_id,
                        totp_credential_id=totp.id,
                        step=step,
                        drift=drift,
                    )
        return TotpUse(outcome="invalid")

    async def reencrypt(
        self,
        *,
        tenant_id: UUID,
        keyring: Keyring,
        after: UUID | None = None,
        page_size: int = 100,
    ) -> UUID | None:
        """Encrypt a page of secrets under the current key, one trip each.

        Returns the last id of the page, for `after` of the next call, or None when no
        secret is left under another key. Then remove the old keys from the keyring.
        Raises DecryptionError for a secret whose key the keyring does not have.
        """
        page = await queries.list_encrypted_otherwise_async(
            self._connection,
            tenant_id=tenant_id,
            encryption_key_id=_keyring("keyring", keyring).current,
            after=_BEGINNING if after is None else after,
            page_size=check_page_size(page_size),
        )
        for each in page:
            encrypted = keyring.reencrypt(
                _encrypted(each), bound_to=_bound_to(each.tenant_id, each.user_id)
            )
            await queries.reencrypt_async(
                self._connection,
                tenant_id=tenant_id,
                totp_credential_id=each.id,
                replaced_ciphertext=each.secret_ciphertext,
                secret_ciphertext=encrypted.ciphertext,
                encryption_key_id=encrypted.key_id,
            )
        return page[-1].id if page else None

    async def rename(
        self, *, tenant_id: UUID, user_id: UUID, totp_credential_id: UUID, name: str
    ) -> bool:
        """Change what the user calls a secret. False if the user has none such."""
        return bool(
            await queries.rename_async(
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
                totp_credential_id=totp_credential_id,
                name=name,
            )
        )

    async def delete(
        self, *, tenant_id: UUID, user_id: UUID, totp_credential_id: UUID
    ) -> bool:
        """Delete a secret, pending or not. False if the user has none such.

        The caller decides whether it may be the user's last factor.
        """
        return bool(
            await queries.delete_async(
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
                totp_credential_id=totp_credential_id,
            )
        )


def _bound_to(tenant_id: UUID, user_id: UUID) -> tuple[str | UUID, ...]:
    return ("totp_credentials", tenant_id, user_id)


def _encrypted(totp: EncryptedTotp) -> Encrypted:
    return Encrypted(ciphertext=totp.secret_ciphertext, key_id=totp.encryption_key_id)


def _step_of(
    totp: EncryptedTotp, code: str, keyring: Keyring, drift: int
) -> int | None:
    secret = _keyring("keyring", keyring).decrypt(
        _encrypted(totp), bound_to=_bound_to(totp.tenant_id, totp.user_id)
    )
    known = TotpSecret(
        secret=secret,
        algorithm=totp.algorithm,
        digits=totp.digits,
        period=totp.period,
    )
    return known.step_of(code, current_step=totp.current_step, drift=drift)
