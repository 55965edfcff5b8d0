"""Sessions of browsers at the provider: begin, verify, step up, end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import sessions as queries
from authority_queries.records import (
    EndedSession,
    LiveSession,
    Session,
    SessionClient,
)
from authority_queries.repositories._async.pages import found_page, page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_digest,
    check_host,
    check_not_negative,
    check_positive,
)
from authority_queries.repositories.cursors import by_id
from authority_queries.repositories.values import Page

# NIST SP 800-63B section 4.2.3, for two factors.
_IDLE_TIMEOUT: Final = timedelta(minutes=30)
_LIFETIME: Final = timedelta(hours=12)
_LONGEST_USER_AGENT: Final = 1024

_ORDER: Final = by_id("sessions.list_by_user")
_CLIENTS: Final = by_id("sessions.list_clients", "client_uuid")


class AsyncSessions(AsyncRepository):
    """Queries of `queries/sessions.sql`.

    `mint_token("session", …)` makes the content of a cookie, which is passed as its
    hash, never as the string.
    """

    async def start(
        self,
        *,
        tenant_id: UUID,
        cookie_hash: bytes,
        user_id: UUID,
        authenticated_at: datetime | None,
        acr: str | None = None,
        amr: Sequence[str] | None = None,
        idle_timeout: timedelta = _IDLE_TIMEOUT,
        lifetime: timedelta = _LIFETIME,
        address: IPv4Address | IPv6Address | None = None,
        user_agent: str | None = None,
        properties: JsonObject | None = None,
    ) -> Session | None:
        """Begin the session of a browser in which the user has just signed in.

        Always mint a new cookie: an attacker may have planted the old one.
        `authenticated_at` is the time of the sign-in, as in `grants.issue_code`. The
        session is over when it was not used for `idle_timeout`, and in any case after
        `lifetime`. A `user_agent` is cut to 1024 characters. Returns None if the user
        is unknown or not active, or has signed out from everywhere since the sign-in.
        Raises DuplicateError, InvalidValueError, InvalidArgumentError.
        """
        return await queries.start_async(
            self._connection,
            tenant_id=tenant_id,
            cookie_hash=cookie_hash,
            user_id=user_id,
            acr=acr,
            amr=amr,
            authenticated_at=authenticated_at,
            idle_timeout=check_positive("idle_timeout", idle_timeout),
            lifetime=check_positive("lifetime", lifetime),
            address=check_host("address", address),
            user_agent=(
                user_agent[:_LONGEST_USER_AGENT]
                if isinstance(user_agent, str)
                else user_agent
            ),
            properties={} if properties is None else properties,
        )

    async def verify(
        self, *, tenant_id: UUID, cookie_hash: bytes
    ) -> LiveSession | None:
        """Return the session with this cookie if the user is signed in, else None.

        Judges the session, its user (with epoch) and tenant, by the database's clock,
        and notes once a minute that the session is in use. Waits for no lock.
        """
        return await queries.verify_async(
            self._connection,
            tenant_id=tenant_id,
            cookie_hash=check_digest("cookie_hash", cookie_hash),
        )

    async def step_up(
        self,
        *,
        tenant_id: UUID,
        cookie_hash: bytes,
        new_cookie_hash: bytes,
        authenticated_at: datetime | None,
        acr: str | None = None,
        amr: Sequence[str] | None = None,
    ) -> Session | None:
        """Note another sign-in in a live session, such as a second factor.

        `acr` and `amr` replace those of the session. The browser gets the new cookie;
        the old one is worthless. Check first that the same user has signed in: for
        another one begin a new session. Returns None if the session is not live, or
        another call has replaced the cookie. Raises DuplicateError, InvalidValueError.
        """
        return await queries.step_up_async(
            self._connection,
            tenant_id=tenant_id,
            cookie_hash=check_digest("cookie_hash", cookie_hash),
            new_cookie_hash=new_cookie_hash,
            acr=acr,
            amr=amr,
            authenticated_at=authenticated_at,
        )

    async def get_by_id(self, *, tenant_id: UUID, session_id: UUID) -> Session | None:
        """Get a session by `Session.id`, over or not."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, session_id=session_id
        )

    async def get_by_sid(self, *, tenant_id: UUID, sid: UUID) -> Session | None:
        """Get a session by the sid claim of an ID token, over or not."""
        return await queries.get_by_sid_async(
            self._connection, tenant_id=tenant_id, sid=sid
        )

    async def list_by_user(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[LiveSession]:
        """List the sessions in which the user is signed in, in order of id.

        A page may have fewer sessions than `page_size`, even none, and a `next`.
        """
        return await found_page(
            partial(
                queries.find_by_user_async,
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
            ),
            lambda ids: queries.list_live_by_ids_async(
                self._connection, tenant_id=tenant_id, ids=ids
            ),
            _ORDER,
            after=after,
            page_size=page_size,
        )

    async def list_clients(
        self,
        *,
        tenant_id: UUID,
        session_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[SessionClient]:
        """List the clients that received a code in a session, over or not.

        In order of `client_uuid`.
        """
        return await page_after(
            partial(
                queries.list_clients_async,
                self._connection,
                tenant_id=tenant_id,
                session_id=session_id,
            ),
            _CLIENTS,
            after=after,
            page_size=page_size,
        )

    async def end(
        self, *, tenant_id: UUID, session_id: UUID, reason: str
    ) -> EndedSession | None:
        """End a session with its families, and queue its logout notices.

        A family with the scope offline_access stays. Returns None if the session was
        ended before or is unknown.
        """
        return await queries.end_async(
            self._connection, tenant_id=tenant_id, session_id=session_id, reason=reason
        )

    async def end_all(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        reason: str,
        kept_session_id: UUID | None = None,
    ) -> Sequence[EndedSession]:
        """End all sessions of a user, as `end` does, except for `kept_session_id`.

        Returns the sessions that this call has ended. `users.revoke_tokens` ends the
        families with offline_access too.
        """
        return await queries.end_all_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            kept_session_id=kept_session_id,
            reason=reason,
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of sessions whose end was this long ago, in all tenants.

        A session with logout notices stays until they are pruned. Returns how many;
        call it again while that is `batch_size`. Calls may run concurrently: they skip
        locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
