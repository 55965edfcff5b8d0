"""Links in mails: a new password, and the verification of an address."""

from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from authority_queries.contrib.oauth._async.endpoint import AsyncPart
from authority_queries.contrib.oauth.mailed_links import MailedLink
from authority_queries.contrib.oauth.sign_ins import Refused
from authority_queries.contrib.oauth.slow_hashes import compute_async
from authority_queries.credentials import hash_password
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    InvalidTokenError,
)
from authority_queries.names import check_email
from authority_queries.records import OneTimeTokenPurpose, User
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import mint_token, parse_token

_Address = IPv4Address | IPv6Address
_HOUR: Final = timedelta(hours=1)
_RESET_LIFETIME: Final = timedelta(minutes=30)
# A person gets at most one mail in this time.
_RESEND_AFTER: Final = timedelta(minutes=2)


class AsyncMailedLinks(AsyncPart):
    """Mints links to mail, and uses them.

    A link has a token of 256 random bits, which is stored as a hash and used once. Show
    a form when a link is opened, and use the token only when the form is sent: programs
    open links in mails too.
    """

    async def reserve_reset(self, name: str, address: _Address) -> Refused | None:
        """Count a request for a new password. Return Refused if there were too many.

        The result is the same for known and unknown names. Send the answer before you
        call `mint_reset`, so that its time is the same too.
        """
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            reserved = await store.login_attempts.reserve(
                tenant_id=self._tenant_id,
                username=name,
                address=address,
                factor="password_reset",
                pair_limit=5,
                account_limit=10,
                network_limit=50,
                time_window=_HOUR,
            )
        return None if reserved.allowed else Refused(retry_after=reserved.retry_after)

    async def mint_reset(self, name: str) -> MailedLink | None:
        """Mint a link for a new password. `name` is a verified address or a username.

        Mail it to its `email`. It ends an earlier link. Returns None without such a
        user or address, and if a link was minted less than two minutes ago.
        """
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            user = await self._find(store, name)
            if user is None:
                return None
            return await self._mint(store, user, "password_reset", _RESET_LIFETIME)

    async def is_reset(self, token: str) -> bool:
        """Return whether a link for a new password can be used."""
        token_hash = self._hash(token)
        if token_hash is None:
            return False
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            found = await store.one_time_tokens.get_by_token(
                tenant_id=self._tenant_id,
                purpose="password_reset",
                token_hash=token_hash,
            )
        return found is not None

    async def reset_password(self, token: str, password: str) -> User | None:
        """Use a link: set the password, and sign the user out everywhere.

        Returns the user, who is not signed in by this: a second factor stays due.
        Returns None if the link cannot be used, for any reason.
        """
        token_hash = self._hash(token)
        # Do not hash the password for a stranger's token.
        if token_hash is None or not await self.is_reset(token):
            return None
        hashed = await compute_async(hash_password, password)
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            redeemed = await store.one_time_tokens.reset_password(
                tenant_id=self._tenant_id, token_hash=token_hash, password_hash=hashed
            )
            if redeemed.outcome != "redeemed" or redeemed.user_id is None:
                return None
            return await store.users.get_by_id(
                tenant_id=self._tenant_id, user_id=redeemed.user_id
            )

    async def mint_verification(self, user_id: UUID) -> MailedLink | None:
        """Mint a link that verifies the address of a user who has signed in.

        Returns None without an address, and if a link was minted less than two minutes
        ago.
        """
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            user = await store.users.get_by_id(
                tenant_id=self._tenant_id, user_id=user_id
            )
            if user is None:
                return None
            return await self._mint(store, user, "email_verification", None)

    async def verify_email(self, token: str, user_id: UUID) -> bool:
        """Use a link: verify the address if it is still the user's.

        `user_id` must be the user who has signed in, so that nobody verifies an address
        for the account of another. Returns False for every refusal, also if another
        user has verified the address.
        """
        token_hash = self._hash(token)
        if token_hash is None:
            return False
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            found = await store.one_time_tokens.get_by_token(
                tenant_id=self._tenant_id,
                purpose="email_verification",
                token_hash=token_hash,
            )
            if found is None or found.user_id != user_id:
                return False
            try:
                redeemed = await store.one_time_tokens.redeem(
                    tenant_id=self._tenant_id,
                    purpose="email_verification",
                    token_hash=token_hash,
                )
            except DuplicateError:
                return False
        return redeemed.outcome == "redeemed" and redeemed.email_verified is True

    async def _find(self, store: AsyncStore, name: str) -> User | None:
        try:
            check_email(name)
        except InvalidArgumentError:
            pass  # it can only be a username
        else:
            user = await store.users.get_by_verified_email(
                tenant_id=self._tenant_id, email=name
            )
            if user is not None:
                return user
        return await store.users.get_by_username(
            tenant_id=self._tenant_id, username=name
        )

    async def _mint(
        self,
        store: AsyncStore,
        user: User,
        purpose: OneTimeTokenPurpose,
        lifetime: timedelta | None,
    ) -> MailedLink | None:
        minted = mint_token("one_time", self._tenant_id)
        created = await store.one_time_tokens.create(
            tenant_id=self._tenant_id,
            purpose=purpose,
            user_id=user.id,
            token_hash=minted.hash,
            lifetime=lifetime,
            resend_after=_RESEND_AFTER,
        )
        if created.outcome != "created":
            return None
        return MailedLink(
            email=created.email, username=user.username, token=minted.token
        )

    @staticmethod
    def _hash(token: str) -> bytes | None:
        try:
            return parse_token(token, kind="one_time").hash
        except InvalidTokenError:
            return None
