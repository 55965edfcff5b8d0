"""The page on which a person approves a device (RFC 8628 section 3.3)."""

from ipaddress import IPv4Address, IPv6Address
from typing import Final

from authority_queries.contrib.oauth._async.endpoint import AsyncPart
from authority_queries.errors import InvalidArgumentError
from authority_queries.records import (
    DeviceApprovalOutcome,
    LiveSession,
    PendingDeviceAuthorization,
)
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import hash_user_code

_Address = IPv4Address | IPv6Address
_UNKNOWN: Final = IPv4Address("0.0.0.0")  # noqa: S104 -- no address to listen at
# A right code is counted twice: by `find`, and by the answer.
_PAIR_LIMIT: Final = 20
_TENANT_LIMIT: Final = 200


class AsyncDevicePages(AsyncPart):
    """Looks up a typed user code, and approves or denies its device.

    Before `approve`, show the person the client and the scopes of `find`: an attacker
    may have sent the code.
    """

    async def find(
        self, user_code: str, cookie: str, address: _Address
    ) -> PendingDeviceAuthorization | None:
        """Return the waiting request with this code, or None. Each call is a guess.

        Returns None also if the person has not signed in, or has guessed too often.
        Calls of `approve` and `deny` count too.
        """
        session = await self.session(cookie)
        code_hash = self._hash(user_code)
        if session is None or code_hash is None:
            return None
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            if not await self._may_guess(store, session, address):
                return None
            return await store.device_authorizations.get_by_user_code(
                tenant_id=self._tenant_id, user_code_hash=code_hash
            )

    async def approve(self, user_code: str, cookie: str) -> DeviceApprovalOutcome:
        """Consent to what the device asks for, and approve it."""
        session = await self.session(cookie)
        code_hash = self._hash(user_code)
        if session is None:
            return "login_required"
        if code_hash is None:
            return "invalid"
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            if not await self._may_guess(store, session, session.address):
                return "invalid"
            pending = await store.device_authorizations.get_by_user_code(
                tenant_id=self._tenant_id, user_code_hash=code_hash
            )
            if pending is None:
                return "invalid"
            await self._consent(store, session, pending)
            approval = await store.device_authorizations.approve(
                tenant_id=self._tenant_id,
                user_code_hash=code_hash,
                user_id=session.user_id,
                authenticated_at=session.authenticated_at,
                acr=session.acr,
                amr=session.amr,
            )
            return approval.outcome

    async def deny(self, user_code: str, cookie: str) -> bool:
        """Deny the device. Return False if none was waiting."""
        session = await self.session(cookie)
        code_hash = self._hash(user_code)
        if session is None or code_hash is None:
            return False
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            if not await self._may_guess(store, session, session.address):
                return False
            return await store.device_authorizations.deny(
                tenant_id=self._tenant_id,
                user_code_hash=code_hash,
                user_id=session.user_id,
            )

    async def _may_guess(
        self, store: AsyncStore, session: LiveSession, address: _Address | None
    ) -> bool:
        """Count a guess. A page that only calls `approve` could guess codes too."""
        reserved = await store.login_attempts.reserve(
            tenant_id=self._tenant_id,
            username=session.username,
            address=address or _UNKNOWN,
            factor="user_code",
            pair_limit=_PAIR_LIMIT,
            tenant_limit=_TENANT_LIMIT,
        )
        return reserved.allowed

    async def _consent(
        self,
        store: AsyncStore,
        session: LiveSession,
        pending: PendingDeviceAuthorization,
    ) -> None:
        await store.consents.grant(
            tenant_id=self._tenant_id,
            user_id=session.user_id,
            client_id=pending.client_id,
            scopes=pending.scopes,
            resources=pending.resources,
            authorization_details=pending.authorization_details,
        )

    def _hash(self, user_code: str) -> bytes | None:
        try:
            return hash_user_code(self._tenant_id, user_code)
        except InvalidArgumentError:
            return None
