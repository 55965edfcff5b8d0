"""Service accounts: machine identities that clients act as."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import service_accounts as queries
from authority_queries.records import ServiceAccount
from authority_queries.repositories._async.pages import page
from authority_queries.repositories._async.repository import (
    AsyncRepository,
    shared_sub,
    stale,
)
from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page

_ORDER: Final = by_text("service_accounts.list", "account_id")


class AsyncServiceAccounts(AsyncRepository):
    """Queries of `queries/service_accounts.sql`."""

    async def get_by_id(
        self, *, tenant_id: UUID, service_account_id: UUID
    ) -> ServiceAccount | None:
        """Get a service account by id."""
        return await queries.get_by_id_async(
            self._connection,
            tenant_id=tenant_id,
            service_account_id=service_account_id,
        )

    async def get_by_account_id(
        self, *, tenant_id: UUID, account_id: str
    ) -> ServiceAccount | None:
        """Get a service account by account id."""
        return await queries.get_by_account_id_async(
            self._connection,
            tenant_id=tenant_id,
            account_id=account_id,
        )

    async def list(
        self,
        *,
        tenant_id: UUID,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[ServiceAccount]:
        """List service accounts in order of account id."""
        return await page(
            partial(queries.list_after_async, self._connection, tenant_id=tenant_id),
            partial(queries.list_before_async, self._connection, tenant_id=tenant_id),
            _ORDER,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        account_id: str,
        display_name: str = "",
        description: str = "",
        enabled: bool = True,
        allowed_scopes: Sequence[str] = (),
        allowed_resources: Sequence[str] = (),
        authorized_client_uuids: Sequence[UUID] = (),
        attributes: JsonObject | None = None,
    ) -> ServiceAccount:
        """Create a service account.

        `authorized_client_uuids` are values of `Client.id`. Raises DuplicateError,
        InvalidValueError, MissingReferenceError for an unknown tenant.
        """
        account = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            account_id=account_id,
            display_name=display_name,
            description=description,
            enabled=enabled,
            allowed_scopes=allowed_scopes,
            allowed_resources=allowed_resources,
            authorized_client_uuids=authorized_client_uuids,
            attributes={} if attributes is None else attributes,
        )
        if account is None:
            raise shared_sub("service_accounts.create", "account_id")
        return account

    async def update(
        self,
        *,
        tenant_id: UUID,
        service_account_id: UUID,
        row_version: int,
        account_id: str,
        display_name: str,
        description: str,
        enabled: bool,
        allowed_scopes: Sequence[str],
        allowed_resources: Sequence[str],
        authorized_client_uuids: Sequence[UUID],
        attributes: JsonObject,
    ) -> ServiceAccount:
        """Replace the editable fields of the account that was read at `row_version`.

        Raises NotFoundError, ConcurrencyConflictError, DuplicateError,
        InvalidValueError.
        """
        account = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            service_account_id=service_account_id,
            row_version=row_version,
            account_id=account_id,
            display_name=display_name,
            description=description,
            enabled=enabled,
            allowed_scopes=allowed_scopes,
            allowed_resources=allowed_resources,
            authorized_client_uuids=authorized_client_uuids,
            attributes=attributes,
        )
        if account is None:
            current = await self.get_by_id(
                tenant_id=tenant_id, service_account_id=service_account_id
            )
            if current is not None and current.row_version == row_version:
                raise shared_sub("service_accounts.update", "account_id")
            raise stale("service account", row_version, current)
        return account

    async def delete(self, *, tenant_id: UUID, service_account_id: UUID) -> bool:
        """Delete a service account with its tokens. False if there was none."""
        return bool(
            await queries.delete_async(
                self._connection,
                tenant_id=tenant_id,
                service_account_id=service_account_id,
            )
        )

    async def revoke_tokens(
        self, *, tenant_id: UUID, service_account_id: UUID
    ) -> ServiceAccount | None:
        """End every token of the account so far by moving its epoch: one row.

        Returns None for an unknown account.
        """
        return await queries.revoke_tokens_async(
            self._connection,
            tenant_id=tenant_id,
            service_account_id=service_account_id,
        )
