"""Passkeys: their registration, and signing in with them."""

from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from authority_queries.contrib.oauth._async.provider import AsyncProvider
from authority_queries.contrib.oauth.ceremonies import (
    Ceremony,
    RelyingParty,
    has_host_name,
    is_eligible,
    parse_answer,
)
from authority_queries.contrib.oauth.sign_ins import Passed, Refused
from authority_queries.errors import InvalidArgumentError, InvalidValueError
from authority_queries.records import WebauthnCredential, WebauthnEnrollmentOutcome
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.actors import Actor

_Address = IPv4Address | IPv6Address


class AsyncPasskeys:
    """Asks browsers for passkeys, and decides about their answers.

    A passkey is two factors, because it verifies its user by a fingerprint or a PIN. It
    needs no username. Browsers show `name` for the issuer. `browser` is a secret of the
    browser: no other browser can answer. Raises ConfigurationError for an issuer
    without a host name.
    """

    def __init__(self, provider: AsyncProvider, name: str) -> None:
        self._provider = provider
        self._tenant_id = provider.tenant_id
        self._party = RelyingParty(provider.settings, name)

    @classmethod
    def of(cls, provider: AsyncProvider, name: str) -> "AsyncPasskeys | None":
        """Return the passkeys of an issuer, or None if its host is an IP address."""
        return cls(provider, name) if has_host_name(provider.settings) else None

    async def begin_registration(self, user_id: UUID, *, browser: str) -> Ceremony:
        """Ask a user's browser for a new passkey. Require a recent sign-in first."""
        async with self._provider.unit() as store:
            user = await store.users.get_by_id(
                tenant_id=self._tenant_id, user_id=user_id
            )
            known = await store.webauthn_credentials.list_by_user(
                tenant_id=self._tenant_id, user_id=user_id
            )
        assert user is not None  # noqa: S101 -- the session is live
        return self._party.ask_to_create(user, known, browser=browser)

    async def register(
        self, answer: str, sealed: str, *, user_id: UUID, browser: str, name: str = ""
    ) -> WebauthnEnrollmentOutcome | None:
        """Store the passkey that the browser has created. Return None: a wrong answer.

        Raises ProtocolError for a form of another browser.
        """
        asked = self._party.unseal("webauthn.create", sealed, browser=browser)
        verified = self._party.verify_new(answer, asked)
        if verified is None or asked.user_id != user_id:
            return None
        async with self._provider.unit(actor=Actor(user_id=user_id)) as store:
            try:
                enrolled = await store.webauthn_credentials.enroll(
                    tenant_id=self._tenant_id,
                    user_id=user_id,
                    challenge=asked.octets,
                    challenge_expires_at=asked.expires_at,
                    credential_id=verified.credential_id,
                    public_key=verified.public_key,
                    sign_count=verified.sign_count,
                    aaguid=verified.aaguid,
                    transports=verified.transports,
                    discoverable=True,
                    backup_eligible=verified.backup_eligible,
                    backed_up=verified.backed_up,
                    user_verified=True,
                    name=name,
                )
            except (InvalidArgumentError, InvalidValueError):
                return None  # such as an id of 15 octets
        return enrolled.outcome

    def begin(self, *, browser: str) -> Ceremony:
        """Ask for any passkey of this issuer. No username is needed."""
        return self._party.ask(browser=browser)

    async def begin_second(self, passed: Passed, *, browser: str) -> Ceremony | None:
        """Ask for a passkey after a right password. Return None without passkeys."""
        async with self._provider.unit() as store:
            known = await store.webauthn_credentials.list_by_user(
                tenant_id=self._tenant_id, user_id=passed.user_id
            )
        return self._party.ask(known, browser=browser) if known else None

    async def check(
        self,
        answer: str,
        sealed: str,
        *,
        browser: str,
        address: _Address,
        passed: Passed | None = None,
    ) -> Passed | Refused:
        """Check the answer to `begin`, or with `passed` to `begin_second`, and log it.

        A copy of an authenticator is refused. Raises ProtocolError for a form of
        another browser.
        """
        asked = self._party.unseal("webauthn.get", sealed, browser=browser)
        presented = parse_answer(answer)
        if presented is None:
            return Refused()
        async with self._provider.unit() as store:
            known = await store.webauthn_credentials.get_by_credential_id(
                tenant_id=self._tenant_id, credential_id=presented.raw_id
            )
            if known is None:
                return Refused()
            verified = self._party.verify(presented, known, asked)
            if verified is None:
                return await self._refuse(store, known, address, "passkey")
            use = await store.webauthn_credentials.use(
                tenant_id=self._tenant_id,
                user_id=None if passed is None else passed.user_id,
                challenge=asked.octets,
                challenge_expires_at=asked.expires_at,
                credential_id=verified.credential_id,
                user_handle=presented.response.user_handle,
                sign_count=verified.new_sign_count,
                backup_eligible=is_eligible(verified.credential_device_type),
                backed_up=verified.credential_backed_up,
                initializes_uv=passed is not None,
            )
            if use.outcome != "accepted" or not use.uv_initialized:
                return await self._refuse(store, known, address, use.outcome)
            logged = await store.login_attempts.record(
                tenant_id=self._tenant_id,
                username=use.username,
                address=address,
                outcome="succeeded",
                user_id=use.user_id,
                reason="passkey",
            )
        first = passed or Passed(
            user_id=use.user_id,
            username=use.username,
            began_at=logged.created_at,
            amr=(),
        )
        return first.with_passkey(is_synchronized=known.backup_eligible)

    async def _refuse(
        self,
        store: AsyncStore,
        known: WebauthnCredential,
        address: _Address,
        reason: str,
    ) -> Refused:
        """Log an attempt with the passkey of a user that was not accepted."""
        user = await store.users.get_by_id(
            tenant_id=self._tenant_id, user_id=known.user_id
        )
        if user is not None:
            await store.login_attempts.record(
                tenant_id=self._tenant_id,
                username=user.username,
                address=address,
                outcome="failed",
                user_id=user.id,
                reason=reason,
            )
        return Refused()
