"""Sign-out at a client's request, and the notices to other clients."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from authority_queries.contrib.oauth._async.endpoint import (
    REFUSALS,
    AsyncPart,
    refusal_of,
)
from authority_queries.contrib.oauth._async.hints import read_hint
from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.context import Context
from authority_queries.contrib.oauth.decisions import (
    AskSignOut,
    ErrorPage,
    Redirect,
    SignedOut,
)
from authority_queries.contrib.oauth.fetching import AsyncSender
from authority_queries.contrib.oauth.jose import sign
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.contrib.oauth.urls import add_query
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import LiveSession, LogoutNotice
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets.signing_keys import SigningKey
from authority_queries.service._async.authority import AsyncAuthority

_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LEASE: Final = timedelta(minutes=1)
_TOKEN_LIFETIME: Final = 120  # seconds
_MOST_FRAMES: Final = 20  # of the clients of a session
_DELIVERED: Final = frozenset({200, 204})


class AsyncLogout(AsyncPart):
    """Ends sessions (OpenID Connect RP-Initiated Logout 1.0)."""

    def __init__(
        self, authority: AsyncAuthority, context: Context, sender: AsyncSender
    ) -> None:
        super().__init__(authority, context)
        self._sender = sender

    async def begin(
        self, request: Request, cookie: str | None
    ) -> AskSignOut | SignedOut | ErrorPage:
        """Sign out if the id_token_hint names the session. Else ask the person."""
        session = await self.session(cookie)
        try:
            parameters = Parameters(request.parameters)
            async with self._authority.tenant(
                self._tenant_id, autocommit=True
            ) as store:
                hint = await read_hint(store, self._context, parameters) or {}
                redirect = await self._redirect(store, parameters, hint.get("aud"))
        except REFUSALS as error:
            return ErrorPage.of(refusal_of(error))
        if session is None:
            return SignedOut(redirect=redirect)
        if hint.get("sid") != str(session.sid):
            return AskSignOut(session=session, redirect=redirect)
        frames = await self.end_session(session)
        return SignedOut(redirect=redirect, frames=frames)

    async def end_session(self, session: LiveSession) -> Sequence[str]:
        """End a session, and queue the notices to its clients.

        Returns the URIs that the page must load in frames, to sign out from clients
        with a frontchannel_logout_uri (OpenID Connect Front-Channel Logout 1.0).
        """
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            clients = await store.sessions.list_clients(
                tenant_id=self._tenant_id, session_id=session.id, page_size=_MOST_FRAMES
            )
            await store.sessions.end(
                tenant_id=self._tenant_id, session_id=session.id, reason="signed_out"
            )
        return [
            add_query(uri, {"iss": self._settings.issuer, "sid": str(session.sid)})
            for client in clients.items
            if (uri := client.frontchannel_logout_uri) is not None
        ]

    async def deliver_notices(self) -> int:
        """Deliver a batch of back-channel notices. Return how many were claimed.

        Call this repeatedly, in any number of processes.
        """
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            notices = await store.logout_notices.claim(
                tenant_id=self._tenant_id, lease=_LEASE
            )
            key = await self.signing_key(store) if notices else None
        for notice in notices:
            assert key is not None  # noqa: S101 -- there are notices
            await self._deliver(notice, key)
        return len(notices)

    async def _deliver(self, notice: LogoutNotice, key: SigningKey) -> None:
        form = {"logout_token": self._logout_token(notice, key)}
        try:
            status = await self._sender.post(notice.backchannel_logout_uri, form)
            error = f"status {status}"
        except OSError as failure:
            status, error = 0, type(failure).__name__
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            if status in _DELIVERED:
                await store.logout_notices.record_delivery(
                    tenant_id=self._tenant_id, notice_id=notice.id
                )
            else:
                await store.logout_notices.record_failure(
                    tenant_id=self._tenant_id,
                    notice_id=notice.id,
                    attempts=notice.attempts,
                    error=error,
                )

    def _logout_token(self, notice: LogoutNotice, key: SigningKey) -> str:
        now = int(self._context.now().timestamp())
        claims: dict[str, JsonValue] = {
            "iss": self._settings.issuer,
            "aud": notice.client_id,
            "sub": notice.subject_id,
            "sid": str(notice.sid),
            "jti": str(notice.id),
            "iat": now,
            "exp": now + _TOKEN_LIFETIME,
            "events": {_EVENT: {}},
        }
        return sign(key, claims, "logout+jwt")

    async def _redirect(
        self, store: AsyncStore, parameters: Parameters, audience: JsonValue
    ) -> Redirect | None:
        """Return where the browser goes afterwards. Raises ProtocolError."""
        client_id = parameters.get("client_id") or audience
        if audience is not None and audience != client_id:
            message = "client_id is not that of the id_token_hint"
            raise ProtocolError("invalid_request", message)
        uri = parameters.get("post_logout_redirect_uri")
        if uri is None:
            return None
        client = None
        if isinstance(client_id, str):
            client = await store.clients.get_by_client_id(
                tenant_id=self._tenant_id, client_id=client_id
            )
        if client is None or uri not in client.post_logout_redirect_uris:
            message = "post_logout_redirect_uri is not registered"
            raise ProtocolError("invalid_request", message)
        state = parameters.get("state")
        return Redirect(url=add_query(uri, {} if state is None else {"state": state}))
