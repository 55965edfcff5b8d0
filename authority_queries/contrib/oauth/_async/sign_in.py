"""Signing in: password, second factor, session."""

from ipaddress import IPv4Address, IPv6Address

from authority_queries.contrib.oauth._async.endpoint import AsyncPart
from authority_queries.contrib.oauth.sign_ins import Passed, Refused, unseal_passed
from authority_queries.contrib.oauth.slow_hashes import compute_async
from authority_queries.credentials import (
    hash_password,
    password_needs_rehash,
    verify_password,
)
from authority_queries.errors import ConcurrencyConflictError
from authority_queries.records import User
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import mint_token, parse_token

_Address = IPv4Address | IPv6Address


class AsyncSignIn(AsyncPart):
    """Checks passwords and codes. The throttle counts each check before it is made."""

    async def check(
        self, username: str, password: str, address: _Address, *, code: str = ""
    ) -> Passed | Refused:
        """Check a password, and the code of a person who has a second factor.

        It is for a form with both. For two pages, call `check_password` and
        `check_code`.
        """
        shown = await self.check_password(username, password, address)
        if isinstance(shown, Refused) or not shown.factors:
            return shown
        return await self.check_code(shown, code, address) if code else Refused()

    async def check_password(
        self, username: str, password: str, address: _Address
    ) -> Passed | Refused:
        """Check a password, and log the attempt. An old hash is replaced.

        The check of an unknown user takes as long as that of a known one.
        """
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            reserved = await store.login_attempts.reserve(
                tenant_id=self._tenant_id,
                username=username,
                address=address,
                factor="password",
            )
            if not reserved.allowed:
                return Refused(retry_after=reserved.retry_after)
            user = await store.users.get_by_username(
                tenant_id=self._tenant_id, username=username
            )
        # No connection of the pool waits for a slow hash.
        is_right, renewed = await self._compare(user, password)
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            if user is None or not is_right:
                await self._record(store, username, address, user)
                return Refused()
            if renewed is not None:
                await self._rehash(store, user, renewed)
            return await self._succeed(store, user, address)

    async def check_code(
        self, passed: Passed, code: str, address: _Address
    ) -> Passed | Refused:
        """Check a TOTP code or a recovery code of a person with a right password."""
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            reserved = await store.login_attempts.reserve(
                tenant_id=self._tenant_id,
                username=passed.username,
                address=address,
                factor="totp",
            )
            if not reserved.allowed:
                return Refused(retry_after=reserved.retry_after)
            if not await self._is_code(store, passed, code):
                return Refused()
            await store.login_attempts.succeed(
                tenant_id=self._tenant_id,
                username=passed.username,
                address=address,
                factor="totp",
            )
            return passed.with_code()

    async def start(
        self,
        passed: Passed,
        *,
        acr: str | None,
        address: _Address,
        user_agent: str | None,
        cookie: str | None = None,
    ) -> str | None:
        """Start a session, and return its new cookie.

        `cookie` is the browser's old session. If it is the same user's, that session is
        stepped up and goes on. If it is another user's, it ends. Returns None if the
        user became inactive, or signed out everywhere meanwhile.
        """
        minted = mint_token("session", self._tenant_id)
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            if cookie is not None and await self._step_up(
                store, passed, cookie, minted.hash, acr
            ):
                return minted.token
            session = await store.sessions.start(
                tenant_id=self._tenant_id,
                cookie_hash=minted.hash,
                user_id=passed.user_id,
                authenticated_at=passed.began_at,
                acr=acr,
                amr=passed.amr,
                address=address,
                user_agent=user_agent,
            )
        return None if session is None else minted.token

    def unseal(self, text: str, *, browser: str) -> Passed:
        """Return what `Passed.seal` made for this browser. Raises ProtocolError."""
        now = self._context.now()
        return unseal_passed(text, self._settings, now, browser=browser)

    async def _step_up(
        self,
        store: AsyncStore,
        passed: Passed,
        cookie: str,
        new_hash: bytes,
        acr: str | None,
    ) -> bool:
        """Replace the cookie of the user's own session. End that of another user."""
        live = await self.session(cookie)
        if live is None:
            return False
        if live.user_id != passed.user_id:
            await store.sessions.end(
                tenant_id=self._tenant_id, session_id=live.id, reason="replaced"
            )
            return False
        session = await store.sessions.step_up(
            tenant_id=self._tenant_id,
            cookie_hash=parse_token(cookie, kind="session").hash,
            new_cookie_hash=new_hash,
            authenticated_at=passed.began_at,
            acr=acr,
            amr=passed.amr,
        )
        return session is not None

    async def _compare(
        self, user: User | None, password: str
    ) -> tuple[bool, str | None]:
        """Return whether an active user has this password, and a new hash or None."""
        stored = None if user is None else user.password_hash
        is_right = await compute_async(
            verify_password,
            stored,
            password,
            imported=self._settings.imported_password_hash,
        )
        if user is None or not is_right or user.status != "active":
            return False, None
        if stored is None or not password_needs_rehash(stored):
            return True, None
        return True, await compute_async(hash_password, password)

    async def _succeed(
        self, store: AsyncStore, user: User, address: _Address
    ) -> Passed:
        await store.login_attempts.succeed(
            tenant_id=self._tenant_id,
            username=user.username,
            address=address,
            factor="password",
        )
        logged = await store.login_attempts.record(
            tenant_id=self._tenant_id,
            username=user.username,
            address=address,
            outcome="succeeded",
            user_id=user.id,
        )
        factors = await store.user_credentials.list_by_user(
            tenant_id=self._tenant_id, user_id=user.id
        )
        return Passed(
            user_id=user.id,
            username=user.username,
            began_at=logged.created_at,
            factors=[factor.kind for factor in factors],
        )

    async def _is_code(self, store: AsyncStore, passed: Passed, code: str) -> bool:
        if code.strip().isdigit():
            use = await store.totp_credentials.check(
                tenant_id=self._tenant_id,
                user_id=passed.user_id,
                code=code.strip(),
                keyring=self._settings.keyring,
            )
            return use.outcome == "accepted"
        recovery = await store.recovery_codes.use(
            tenant_id=self._tenant_id, user_id=passed.user_id, code=code
        )
        return recovery.outcome == "accepted"

    async def _record(
        self, store: AsyncStore, username: str, address: _Address, user: User | None
    ) -> None:
        await store.login_attempts.record(
            tenant_id=self._tenant_id,
            username=username,
            address=address,
            outcome="failed",
            user_id=None if user is None else user.id,
        )

    async def _rehash(self, store: AsyncStore, user: User, renewed: str) -> None:
        try:
            await store.users.set_password_hash(
                tenant_id=self._tenant_id,
                user_id=user.id,
                row_version=user.row_version,
                password_hash=renewed,
            )
        except ConcurrencyConflictError:
            return  # another change was faster: the next sign-in rehashes
