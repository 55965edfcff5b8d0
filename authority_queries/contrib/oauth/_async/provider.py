"""An issuer: all endpoints of one tenant."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authority_queries.contrib.oauth._async.authentication import AsyncAuthentication
from authority_queries.contrib.oauth._async.authorization import AsyncAuthorization
from authority_queries.contrib.oauth._async.device_pages import AsyncDevicePages
from authority_queries.contrib.oauth._async.logout import AsyncLogout
from authority_queries.contrib.oauth._async.mailed_links import AsyncMailedLinks
from authority_queries.contrib.oauth._async.metadata_documents import (
    AsyncMetadataDocuments,
)
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
from authority_queries.contrib.oauth.context import KEY_LIFETIME, Context
from authority_queries.contrib.oauth.fetching import AsyncFetch
from authority_queries.contrib.oauth.metadata import discovery
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.engine.calls import AsyncEntered
from authority_queries.engine.refusals import require_type
from authority_queries.records import LiveSession
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.actors import Actor
from authority_queries.secrets.key_pairs import mint_signing_key
from authority_queries.service._async.authority import AsyncAuthority

_AHEAD: Final = timedelta(days=1)
_CACHE: Final = 300  # seconds


class AsyncProvider:
    """The endpoints of an issuer, which is a tenant.

    `token`, `introspection`, `revocation`, `userinfo`, `pushed_requests`, `devices` and
    `registration` have `answer(request)`. `authorization`, `sign_in`, `mailed_links`,
    `device_pages` and `logout` decide what a browser sees. With `fetch` a client_id may
    be the URL of a metadata document.
    """

    def __init__(
        self,
        authority: AsyncAuthority,
        tenant_id: UUID,
        settings: ProviderSettings,
        *,
        fetch: AsyncFetch | None = None,
    ) -> None:
        opened = "an open AsyncAuthority"
        require_type("authority", opened, authority, AsyncAuthority)
        require_type("tenant_id", "a UUID", tenant_id, UUID)
        self._authority = authority
        self._context = context = Context(tenant_id, settings)
        self._has_fetch = fetch is not None
        self.settings = settings
        self.tenant_id = tenant_id
        self.authentication = AsyncAuthentication(context)
        self.authorization = AsyncAuthorization(
            authority, context, AsyncMetadataDocuments(authority, context, fetch)
        )
        self.token = AsyncTokenEndpoint(authority, context)
        self.introspection = AsyncIntrospection(authority, context)
        self.revocation = AsyncRevocation(authority, context)
        self.userinfo = AsyncUserinfo(authority, context)
        self.pushed_requests = AsyncPushedRequests(authority, context)
        self.devices = AsyncDeviceAuthorization(authority, context)
        self.device_pages = AsyncDevicePages(authority, context)
        self.registration = AsyncRegistration(authority, context)
        self.logout = AsyncLogout(authority, context)
        self.sign_in = AsyncSignIn(authority, context)
        self.mailed_links = AsyncMailedLinks(authority, context)

    async def session(self, cookie: str | None) -> LiveSession | None:
        """Return the live session of a cookie, if it is of this issuer."""
        if cookie is None:
            return None
        return await self._authority.verify_session(cookie, tenant_id=self.tenant_id)

    def unit(self, *, actor: Actor | None = None) -> AsyncEntered[AsyncStore]:
        """Open a unit of work of this tenant, in autocommit."""
        return self._authority.tenant(self.tenant_id, autocommit=True, actor=actor)

    async def metadata(self) -> Answer:
        """Return the metadata, for both well-known paths."""
        async with self._authority.tenant(self.tenant_id, autocommit=True) as store:
            page = await store.scopes.list(tenant_id=self.tenant_id, page_size=1000)
        names = [scope.name for scope in page.items]
        document = {
            **discovery(self.settings, names),
            "client_id_metadata_document_supported": self._has_fetch,
        }
        headers = {"cache-control": f"public, max-age={_CACHE}"}
        return Answer(headers=headers, body=document)

    async def jwks(self) -> Answer:
        """Return the key set."""
        async with self._authority.tenant(self.tenant_id, autocommit=True) as store:
            found = await store.signing_keys.get_jwks(tenant_id=self.tenant_id)
        headers = {"cache-control": f"public, max-age={_CACHE}"}
        return Answer(headers=headers, body=found.document)

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
