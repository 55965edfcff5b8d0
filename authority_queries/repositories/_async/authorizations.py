"""Authorizations: the families that tokens belong to, one per grant."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonArray, JsonObject
from authority_queries.errors import TenantInactiveError
from authority_queries.queries import authorizations as queries
from authority_queries.records import Authorization
from authority_queries.repositories._async.pages import found_page
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_not_negative,
    check_optional_positive,
)
from authority_queries.repositories.cursors import by_id
from authority_queries.repositories.values import Page

_BY_USER: Final = by_id("authorizations.list_by_user")
_BY_CLIENT: Final = by_id("authorizations.list_by_client")


class AsyncAuthorizations(AsyncRepository):
    """Queries of `queries/authorizations.sql`. `client_uuid` is `Client.id`."""

    async def get_by_id(
        self, *, tenant_id: UUID, authorization_id: UUID
    ) -> Authorization | None:
        """Get a family, revoked or not."""
        return await queries.get_by_id_async(
            self._connection,
            tenant_id=tenant_id,
            authorization_id=authorization_id,
        )

    async def list_by_user(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Authorization]:
        """List the user's families in force, in order of id: one per sign-in.

        Such a family is not revoked, nor is its consent; it has not ended; and not all
        of its tokens expired more than a day ago. The list ignores what stops all
        families at once, such as an epoch or a suspended user. A page may have fewer
        families than `page_size`, even none, and a `next`.
        """
        return await found_page(
            partial(
                queries.find_by_user_async,
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
            ),
            partial(self._list, tenant_id),
            _BY_USER,
            after=after,
            page_size=page_size,
        )

    async def list_by_client(
        self,
        *,
        tenant_id: UUID,
        client_uuid: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Authorization]:
        """List the client's families in force, as `list_by_user` does."""
        return await found_page(
            partial(
                queries.find_by_client_async,
                self._connection,
                tenant_id=tenant_id,
                client_uuid=client_uuid,
            ),
            partial(self._list, tenant_id),
            _BY_CLIENT,
            after=after,
            page_size=page_size,
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        client_uuid: UUID,
        user_id: UUID | None = None,
        service_account_id: UUID | None = None,
        consent_id: UUID | None = None,
        scopes: Sequence[str] = (),
        resources: Sequence[str] = (),
        authorization_details: JsonArray = (),
        acr: str | None = None,
        amr: Sequence[str] | None = None,
        properties: JsonObject | None = None,
        lifetime: timedelta | None = None,
    ) -> Authorization:
        """Store a family from another system; `grants.issue_code` begins its own.

        The subject is a user, a service account or, without both, the client itself.
        The family ends after `lifetime` however often it is refreshed. It is pruned
        with its last token; without tokens, as soon as `prune_expired` permits. Raises
        TenantInactiveError, MissingReferenceError, InvalidValueError.
        """
        authorization = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            client_uuid=client_uuid,
            user_id=user_id,
            service_account_id=service_account_id,
            consent_id=consent_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            acr=acr,
            amr=amr,
            properties={} if properties is None else properties,
            lifetime=check_optional_positive("lifetime", lifetime),
        )
        if authorization is None:
            message = "the tenant is not active: nothing can be issued"
            raise TenantInactiveError(message)
        return authorization

    async def revoke(
        self, *, tenant_id: UUID, authorization_id: UUID, reason: str
    ) -> bool:
        """End a family and all its tokens, by updating one row.

        Returns False if no such family was in force.
        """
        return bool(
            await queries.revoke_async(
                self._connection,
                tenant_id=tenant_id,
                authorization_id=authorization_id,
                reason=reason,
            )
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(hours=1), batch_size: int = 1000
    ) -> int:
        """Delete a batch of families whose last token expired this long ago.

        Deletes their tokens too, in all tenants, but no family that is refreshed
        meanwhile. Returns how many; call it again while that is `batch_size`. Calls may
        run concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )

    async def _list(
        self, tenant_id: UUID, ids: Sequence[UUID]
    ) -> Sequence[Authorization]:
        return await queries.list_by_ids_async(
            self._connection, tenant_id=tenant_id, ids=ids
        )
