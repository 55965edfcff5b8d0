"""Dynamic registration of clients (RFC 7591), and its management (RFC 7592)."""

import hmac
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

from authority_queries.contrib.oauth._async.endpoint import AsyncEndpoint
from authority_queries.contrib.oauth._async.registering import (
    create_client,
    replace_client,
)
from authority_queries.contrib.oauth.answers import NO_STORE, Answer, ProtocolError
from authority_queries.contrib.oauth.registrations import (
    Metadata,
    metadata_of,
    read_metadata,
)
from authority_queries.contrib.oauth.requests import Request
from authority_queries.credentials import hash_client_secret
from authority_queries.engine.json_types import JsonValue
from authority_queries.errors import (
    ConcurrencyConflictError,
    InvalidArgumentError,
    InvalidTokenError,
    InvalidValueError,
)
from authority_queries.records import Client
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import TokenString, mint_token, parse_token

_SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})
_REDIRECTS = frozenset({"redirect_uris", "post_logout_redirect_uris"})


class AsyncRegistration(AsyncEndpoint):
    """Registers clients. A request about a client has its registration token."""

    _autocommit: ClassVar[bool] = False
    _methods: ClassVar[Sequence[str]] = ("GET", "POST", "PUT", "DELETE")

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        root = self._settings.url(self._settings.endpoints.registration)
        named = urlsplit(request.url).path.removeprefix(urlsplit(root).path)
        try:
            if named in {"", "/"}:
                return await self._register(store, request)
            return await self._manage(store, request, unquote(named[1:]))
        except (InvalidArgumentError, InvalidValueError) as error:
            message = f"{error.argument or 'the metadata'} is not valid"
            if error.argument in _REDIRECTS:
                raise ProtocolError("invalid_redirect_uri", message) from None
            raise ProtocolError("invalid_client_metadata", message) from None
        except ConcurrencyConflictError:
            message = "the client was changed meanwhile: read it again"
            raise ProtocolError("invalid_request", message, status=409) from None

    async def _register(self, store: AsyncStore, request: Request) -> Answer:
        self._check_allowed(request)
        metadata = read_metadata(request.document(), self._settings)
        registration_token = mint_token("registration", self._tenant_id)
        client = await create_client(
            store, self._tenant_id, str(uuid4()), metadata, source="dynamic"
        )
        await store.client_registrations.set_token(
            tenant_id=self._tenant_id,
            client_uuid=client.id,
            registration_token_hash=registration_token.hash,
        )
        more = self._management(client, registration_token)
        more |= await self._secret(store, client, metadata)
        return await self._described(store, client, more, status=201)

    async def _manage(
        self, store: AsyncStore, request: Request, client_id: str
    ) -> Answer:
        """Read, replace or delete a client (RFC 7592 section 2)."""
        token = self._registration_token(request)
        found = await store.client_registrations.find_client(
            tenant_id=self._tenant_id,
            client_id=client_id,
            registration_token_hash=token.hash,
        )
        client = None
        if found is not None:
            client = await store.clients.get_by_id(
                tenant_id=self._tenant_id, client_uuid=found.client_uuid
            )
        if client is None:
            raise _no_token()
        if request.method == "DELETE":
            await store.client_registrations.delete_client(
                tenant_id=self._tenant_id,
                client_id=client_id,
                registration_token_hash=token.hash,
            )
            return Answer(status=204, headers=NO_STORE)
        more = self._management(client, token)
        if request.method == "PUT":
            document = request.document()
            if document.get("client_id") != client_id:
                message = "client_id must be that of the client"
                raise ProtocolError("invalid_client_metadata", message)
            metadata = read_metadata(document, self._settings)
            client = await replace_client(store, client, metadata, source="dynamic")
            more |= await self._secret(store, client, metadata)
        return await self._described(store, client, more)

    async def _secret(
        self, store: AsyncStore, client: Client, metadata: Metadata
    ) -> dict[str, JsonValue]:
        """Create a secret for a client that needs one and has none."""
        if (
            metadata.method not in _SECRET_METHODS
            or await store.client_secrets.list_live(
                tenant_id=self._tenant_id, client_id=client.client_id
            )
        ):
            return {}
        secret = mint_token("client_secret", self._tenant_id).token
        await store.client_secrets.add(
            tenant_id=self._tenant_id,
            client_uuid=client.id,
            secret_hash=hash_client_secret(secret),
        )
        return {"client_secret": secret, "client_secret_expires_at": 0}

    def _check_allowed(self, request: Request) -> None:
        if request.method != "POST":
            raise ProtocolError("invalid_request", "the request must be a POST")
        expected = self._settings.initial_access_token
        if self._settings.registration == "token" and expected is not None:
            _, given = request.bearer() or ("", "")
            if not hmac.compare_digest(given.encode(), expected.encode()):
                raise _no_token()
        elif self._settings.registration == "closed":
            raise _no_token()

    def _registration_token(self, request: Request) -> TokenString:
        _, given = request.bearer() or ("", "")
        try:
            return parse_token(given, kind="registration")
        except InvalidTokenError:
            raise _no_token() from None

    def _management(self, client: Client, token: TokenString) -> dict[str, JsonValue]:
        root = self._settings.url(self._settings.endpoints.registration)
        return {
            "registration_access_token": token.token,
            "registration_client_uri": f"{root}/{quote(client.client_id, safe='')}",
        }

    async def _described(
        self,
        store: AsyncStore,
        client: Client,
        more: dict[str, JsonValue],
        *,
        status: int = 200,
    ) -> Answer:
        registration = await store.client_registrations.get(
            tenant_id=self._tenant_id, client_uuid=client.id
        )
        body = {
            **metadata_of(client, registration),
            "subject_type": "public",
            "id_token_signed_response_alg": self._settings.signing_alg,
            **more,
        }
        return Answer(status=status, headers=NO_STORE, body=body)


def _no_token() -> ProtocolError:
    message = "the access token is not valid"
    return ProtocolError(
        "invalid_token", message, headers={"www-authenticate": "Bearer"}
    )
