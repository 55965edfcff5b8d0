"""All factors of a user beside the password, in one call."""

from collections.abc import Sequence
from uuid import UUID

from authority_queries.queries import user_credentials as queries
from authority_queries.records import DeletedUserCredentials, UserCredential
from authority_queries.repositories._async.repository import AsyncRepository


class AsyncUserCredentials(AsyncRepository):
    """Queries of `queries/user_credentials.sql`."""

    async def list_by_user(
        self, *, tenant_id: UUID, user_id: UUID
    ) -> Sequence[UserCredential]:
        """List what the user can present beside a password, without a secret.

        `kind` decides the class of each: `webauthn` has `credential_id` and
        `transports`, for allowCredentials and excludeCredentials, `recovery_codes` has
        how many are left. A pending TOTP secret is no factor.
        """
        return await queries.list_by_user_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def delete_by_user(
        self, *, tenant_id: UUID, user_id: UUID
    ) -> DeletedUserCredentials:
        """Delete all factors of the user beside the password, and return how many.

        The password and the tokens stay: see `users.revoke_tokens`.
        """
        return await queries.delete_by_user_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )
