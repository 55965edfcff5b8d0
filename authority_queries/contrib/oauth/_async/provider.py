"""An issuer: all endpoints of one tenant."""

from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.contrib.oauth._async.authentication import AsyncAuthentication
from authority_queries.contrib.oauth._async.authorization import AsyncAuthorization
from authority_queries.contrib.oauth._async.device_pages import AsyncDevicePages
from authority_queries.contrib.oauth._async.key_fetching import AsyncClientKeys
from authority_queries.contrib.oauth._async.logout import AsyncLogout
from authority_queries.contrib.oauth._async.mailed_links import AsyncMailedLinks
from authority_queries.contrib.oauth._async.metadata_documents import (
    AsyncMetadataDocuments,
)
from authority_queries.contrib.oauth._async.outgoing import AsyncOutgoing
from authority_queries.contrib.oauth._async.registration import AsyncRegistration
from authority_queries.contrib.oauth._async.requesting import (
    AsyncDeviceAuthorization,
    AsyncPushedRequests,
)
from authority_queries.contrib.oauth._async.sign_in import AsyncSignIn
from authority_queries.contrib.oauth._async.token import AsyncTokenEndpoint
from authority_queries.contrib.oauth._async.tokens import (
    AsyncIntrospection,
    AsyncRevocation,
    AsyncUserinfo,
)
from authority_queries.contrib.oauth.answers import Answer
from authority_queries.contrib.oauth.context import KEY_LIFETIME, Context, Presenter
from authority_queries.contrib.oauth.fetching import AsyncSender
from authority_queries.contrib.oauth.metadata import discovery
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.engine.calls import AsyncEntered
from authority_queries.engine.refusals import require_type
from authority_queries.records import LiveSession
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.actors import Actor
from authority_queries.secrets.key_pairs import mint_signing_key
from authority_queries.secrets.signing_keys import SigningKey
from authority_queries.service._async.authority import AsyncAuthority

_AHEAD: Final = timedelta(days=1)
_CACHE: Final = 300  # seconds


class AsyncProvider:
    """The endpoints of an issuer, which is a tenant.

    `token`, `introspection`, `revocation`, `userinfo`, `pushed_requests`, `devices` and
    `registration` have `answer(request)`. `authorization`, `sign_in`, `mailed_links`,
    `device_pages` and `logout` decide what a browser sees. `sender` sends requests to
    URLs that clients chose, by default an AsyncOutgoing.
    """

    def __init__(
        self,
        authority: AsyncAuthority,
        tenant_id: UUID,
        settings: ProviderSettings,
        *,
        sender: AsyncSender | None = None,
    ) -> None:
        opened = "an open AsyncAuthority"
        require_type("authority", opened, authority, AsyncAuthority)
        require_type("tenant_id", "a UUID", tenant_id, UUID)
        self._authority = authority
        self._context = context = Context(tenant_id, settings)
        sender = AsyncOutgoing() if sender is None else sender
        self.settings = settings
        self.tenant_id = tenant_id
        keys = AsyncClientKeys(sender)
        self.authentication = own = AsyncAuthentication(context, keys)
        documents = AsyncMetadataDocuments(authority, context, sender)
        self.authorization = AsyncAuthorization(authority, context, documents)
        self.token = AsyncTokenEndpoint(authority, context, own)
        self.introspection = AsyncIntrospection(authority, context, own)
        self.revocation = AsyncRevocation(authority, context, own)
        self.userinfo = AsyncUserinfo(authority, context, own)
        self.pushed_requests = AsyncPushedRequests(authority, context, own)
        self.devices = AsyncDeviceAuthorization(authority, context, own)
        self.device_pages = AsyncDevicePages(authority, context)
        self.registration = AsyncRegistration(authority, context, own)
        self.logout = AsyncLogout(authority, context, sender)
        self.sign_in = AsyncSignIn(authority, context)
        self.mailed_links = AsyncMailedLinks(authority, context)

    async def session(self, cookie: str | None) -> LiveSession | None:
        """Return the live session of a cookie, if it is of this issuer."""
        return await self.sign_in.session(cookie)

    async def present(self, request: Request) -> Presenter:
        """Return the client of a request, for endpoints of your own.

        Raises ProtocolError.
        """
        return await self.authentication.keys.supply(partial(self._present, request))

    async def _present(self, request: Request) -> Presenter:
        async with self.unit() as store:
            return await self.authentication.present(
                store, request, Parameters(request.parameters)
            )

    def unit(self, *, actor: Actor | None = None) -> AsyncEntered[AsyncStore]:
        """Open a unit of work of this tenant, in autocommit."""
        return self._authority.tenant(self.tenant_id, autocommit=True, actor=actor)

    async def metadata(self) -> Answer:
        """Return the metadata, for both well-known paths."""
        async with self._authority.tenant(self.tenant_id, autocommit=True) as store:
            page = await store.scopes.list(tenant_id=self.tenant_id, page_size=1000)
        names = [scope.name for scope in page.items]
        document = discovery(self.settings, names)
        headers = {"cache-control": f"public, max-age={_CACHE}"}
        return Answer(headers=headers, body=document)

    async def jwks(self) -> Answer:
        """Return the key set."""
        async with self._authority.tenant(self.tenant_id, autocommit=True) as store:
            found = await store.signing_keys.get_jwks(tenant_id=self.tenant_id)
        headers = {"cache-control": f"public, max-age={_CACHE}"}
        return Answer(headers=headers, body=found.document)

    async def signing_key(self) -> SigningKey:
        """Return the key that signs now. Raises ConfigurationError."""
        async with self._authority.tenant(self.tenant_id, autocommit=True) as store:
            return await self.token.signing_key(store)

    async def rotate_keys(self, *, publish_ahead: timedelta = _AHEAD) -> None:
        """Publish the next signing key, and rotate when it is due.

        Call this at the start and daily, in any number of processes. The first key
        signs at once.
        """
        settings = self.settings
        longest = settings.id_token_lifetime + timedelta(seconds=KEY_LIFETIME)
        async with self._authority.tenant(self.tenant_id, autocommit=True) as store:
            keys = store.signing_keys
            page = await keys.list_states(tenant_id=self.tenant_id)
            if "next" not in {key.state for key in page.items}:
                await keys.publish(
                    tenant_id=self.tenant_id,
                    key=mint_signing_key(settings.signing_alg),
                    keyring=settings.keyring,
                    publish_ahead=publish_ahead,
                )
            await keys.rotate(
                tenant_id=self.tenant_id,
                alg=settings.signing_alg,
                tokens_live_for=longest,
            )
