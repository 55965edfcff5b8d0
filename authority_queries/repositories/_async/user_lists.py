"""Lists of users."""

from functools import partial
from typing import Final, TypedDict
from uuid import UUID

from authority_queries.engine.calls import AsyncCall
from authority_queries.names import prefix_key
from authority_queries.queries import users as queries
from authority_queries.records import User, UserStatus
from authority_queries.repositories._async.pages import found_page, page
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.cursors import by_id, by_text
from authority_queries.repositories.values import Page

_ORDER: Final = by_text("users.list", "username_key")
_ORDER_BY_ROLE: Final = by_id("users.list_by_role")
# Usernames have no such character (RFC 8265).
_ABOVE_ALL: Final = "\U0010ffff"


class _Filters(TypedDict):
    tenant_id: UUID
    first: str
    below: str


class AsyncUserLists(AsyncRepository):
    """The lists of `queries/users.sql`."""

    async def list(
        self,
        *,
        tenant_id: UUID,
        status: UserStatus | None = None,
        prefix: str | None = None,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[User]:
        """List users in order of `username_key`.

        `prefix` selects usernames that start with it, in any case.
        """
        first = "" if prefix is None else prefix_key(prefix)
        keys = _Filters(tenant_id=tenant_id, first=first, below=first + _ABOVE_ALL)
        forward: AsyncCall[list[User]] = queries.list_after_async
        backward: AsyncCall[list[User]] = queries.list_before_async
        if status is not None:
            forward = partial(queries.list_by_status_after_async, status=status)
            backward = partial(queries.list_by_status_before_async, status=status)
        return await page(
            partial(forward, self._connection, **keys),
            partial(backward, self._connection, **keys),
            _ORDER,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def list_by_role(
        self,
        *,
        tenant_id: UUID,
        role_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[User]:
        """List the users who hold the role now, in order of id.

        A page may have fewer users than `page_size`, even none, and still a `next`,
        because the call also examines ended assignments that are not pruned yet.
        """
        return await found_page(
            partial(
                queries.find_by_role_async,
                self._connection,
                tenant_id=tenant_id,
                role_id=role_id,
            ),
            lambda ids: queries.list_by_ids_async(
                self._connection, tenant_id=tenant_id, ids=ids
            ),
            _ORDER_BY_ROLE,
            after=after,
            page_size=page_size,
        )
