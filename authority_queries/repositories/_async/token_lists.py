"""Lists of tokens."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.calls import AsyncCall
from authority_queries.queries import tokens as queries
from authority_queries.records import Token
from authority_queries.repositories._async.pages import Found, found_page
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_one_subject
from authority_queries.repositories.cursors import by_id
from authority_queries.repositories.values import Page

_BY_SUBJECT: Final = by_id("tokens.list_active_by_subject")
_BY_CLIENT: Final = by_id("tokens.list_active_by_client")


class AsyncTokenLists(AsyncRepository):
    """The lists of `queries/tokens.sql`."""

    async def list_active_by_subject(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID | None = None,
        service_account_id: UUID | None = None,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Token]:
        """List the live tokens of a user or a service account, in order of id.

        A page may have fewer tokens than `page_size`, even none, and still a `next`,
        because the call also examines dead tokens that are not pruned yet.
        """
        check_one_subject(user_id, service_account_id)
        find: AsyncCall[Found]
        if service_account_id is not None:
            find = partial(
                queries.find_live_by_service_account_async,
                service_account_id=service_account_id,
            )
        elif user_id is not None:
            find = partial(queries.find_live_by_user_async, user_id=user_id)
        return await found_page(
            partial(find, self._connection, tenant_id=tenant_id),
            partial(self._list, tenant_id),
            _BY_SUBJECT,
            after=after,
            page_size=page_size,
        )

    async def list_active_by_client(
        self,
        *,
        tenant_id: UUID,
        client_uuid: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Token]:
        """List the live tokens of a client, like `list_active_by_subject`."""
        return await found_page(
            partial(
                queries.find_live_by_client_async,
                self._connection,
                tenant_id=tenant_id,
                client_uuid=client_uuid,
            ),
            partial(self._list, tenant_id),
            _BY_CLIENT,
            after=after,
            page_size=page_size,
        )

    async def _list(self, tenant_id: UUID, ids: Sequence[UUID]) -> Sequence[Token]:
        return await queries.list_by_ids_async(
            self._connection, tenant_id=tenant_id, ids=ids
        )
