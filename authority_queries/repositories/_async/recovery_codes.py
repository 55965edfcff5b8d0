"""Recovery codes of users."""

from collections.abc import Sequence
from uuid import UUID

from authority_queries.errors import InvalidTokenError
from authority_queries.queries import recovery_codes as queries
from authority_queries.records import (
    RecoveryCodeReplacement,
    RecoveryCodeUse,
    RecoveryCodeUseOtherwise,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.secrets.recovery_codes import hash_recovery_code


class AsyncRecoveryCodes(AsyncRepository):
    """Queries of `queries/recovery_codes.sql`.

    Codes are hashed here and never sent. A code has 120 random bits and cannot be
    guessed, but a flood of guesses costs: call `login_attempts.reserve(…,
    factor="recovery_code")` before each `use`.
    """

    async def replace(
        self, *, tenant_id: UUID, user_id: UUID, codes: Sequence[str]
    ) -> RecoveryCodeReplacement:
        """Replace the user's codes by those of `mint_recovery_codes`, at most 32.

        Codes of the old set are dead at once. Raises InvalidTokenError for a code of
        another format, InvalidValueError for a duplicate.
        """
        return await queries.replace_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            code_hashes=[
                hash_recovery_code(tenant_id, user_id, code) for code in codes
            ],
        )

    async def use(
        self, *, tenant_id: UUID, user_id: UUID, code: str
    ) -> RecoveryCodeUse:
        """Use up a code as it was typed. The result has how many are left.

        A text that is no code is `invalid`, without a trip. A rollback must not free a
        code: raises OpenTransactionError inside a transaction.
        """
        async with self._at_once("recovery_codes.use"):
            try:
                code_hash = hash_recovery_code(tenant_id, user_id, code)
            except InvalidTokenError:
                return RecoveryCodeUseOtherwise(outcome="invalid", remaining=None)
            return await queries.use_async(
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
                code_hash=code_hash,
            )

    async def delete(self, *, tenant_id: UUID, user_id: UUID) -> bool:
        """Delete the user's codes. False if there was no set.

        The caller decides whether they may be the user's last factor.
        """
        return bool(
            await queries.delete_async(
                self._connection, tenant_id=tenant_id, user_id=user_id
            )
        )
