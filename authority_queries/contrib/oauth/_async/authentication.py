"""The client of a request, and the keys that the request proves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from authority_queries.contrib.oauth._async.key_fetching import AsyncClientKeys
from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.client_keys import has_key
from authority_queries.contrib.oauth.context import Context, Presenter
from authority_queries.contrib.oauth.credentials import (
    is_own_certificate,
    read_credentials,
    unknown_client,
)
from authority_queries.contrib.oauth.jose import (
    Assertion,
    check_claims,
    read_unverified,
    verified_claims,
)
from authority_queries.contrib.oauth.proofs import check_proof
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.contrib.oauth.slow_hashes import compute_async
from authority_queries.credentials import verify_client_secret
from authority_queries.credentials.client_secrets import is_minted_secret_hash
from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.json_types import JsonValue
from authority_queries.errors import InvalidArgumentError, InvalidValueError
from authority_queries.records import Client, ClientSecret, UsedJtiKind
from authority_queries.repositories._async.store import AsyncStore

Read = TypeVar("Read")
_SECRET_METHODS = ("client_secret_basic", "client_secret_post")
# `client_secrets.record_use` writes once in this time.
_NOTED = timedelta(minutes=1)
_TLS_METHODS = ("tls_client_auth", "self_signed_tls_client_auth")


class AsyncAuthentication:
    """Authenticates clients (RFC 6749 section 2.3), and checks DPoP proofs."""

    def __init__(self, context: Context, keys: AsyncClientKeys) -> None:
        self.keys = keys
        self._context = context
        self._tenant_id = context.tenant_id

    async def present(
        self, store: AsyncStore, request: Request, parameters: Parameters
    ) -> Presenter:
        """Return the client, authenticated if it is confidential. Raises ProtocolError.

        The jti of an assertion and of a proof is used up. KeysMissingError is raised
        before anything is written: call this by `keys.supply`, with a unit each time.
        """
        presenter, _ = await self.present_and(store, request, parameters, _nothing)
        return presenter

    async def present_and(
        self,
        store: AsyncStore,
        request: Request,
        parameters: Parameters,
        read: AsyncCall[Read],
    ) -> tuple[Presenter, Read]:
        """Return the client, as `present` does, and the result of a read.

        The read makes at most one call of the store, in the same trip. It also runs for
        a client that is then refused.
        """
        client_id, secret, method = read_credentials(request, parameters)
        client, live, found = await self._read(store, client_id, secret, read)
        if client is None or not client.enabled:
            raise unknown_client(request)
        registered = client.token_endpoint_auth_method
        if method == "none" and request.certificate and registered in _TLS_METHODS:
            is_right = self._has_certificate(client, request)
        elif registered is not None and registered != method:
            is_right = False
        elif method == "none":
            is_right = client.client_type == "public"
        elif method == "private_key_jwt":
            is_right = await self._asserts(store, client, parameters)
        else:
            is_right = await self._has_secret(store, live, secret)
        if not is_right:
            raise unknown_client(request)
        presenter = Presenter(
            client=client,
            is_authenticated=client.client_type == "confidential",
            x5t_s256=request.certificate_thumbprint,
        )
        return replace(presenter, jkt=await self.prove(store, request)), found

    async def prove(
        self, store: AsyncStore, request: Request, *, access_token: str | None = None
    ) -> str | None:
        """Return the thumbprint of the key of the DPoP proof, or None without one."""
        settings = self._context.settings
        return await prove_key(
            store,
            self._tenant_id,
            request,
            access_token=access_token,
            lifetime=settings.proof_lifetime,
            skew=settings.clock_skew,
        )

    def _has_certificate(self, client: Client, request: Request) -> bool:
        keys = self.keys.find(client)
        if is_own_certificate(keys, request):
            return True
        self.keys.ask_again(client)
        return False

    async def _asserts(
        self, store: AsyncStore, client: Client, parameters: Parameters
    ) -> bool:
        presented = parameters.require("client_assertion")
        kid, claims = read_unverified(presented)
        self._check_claims(client, claims)
        keys = self.keys.find(client)
        if keys is None:
            return False
        if client.jwks_uri is not None and not has_key(keys, kid):
            self.keys.ask_again(client)
        assertion = self._check_claims(client, verified_claims(presented, keys))
        return await _is_new(
            store, self._tenant_id, "client_assertion", client.client_id, assertion
        )

    def _check_claims(
        self, client: Client, claims: Mapping[str, JsonValue]
    ) -> Assertion:
        settings = self._context.settings
        token_url = settings.url(settings.endpoints.token)
        return check_claims(
            claims,
            client_id=client.client_id,
            audiences=frozenset({settings.issuer, token_url}),
            now=self._context.now(),
            skew=settings.clock_skew,
        )

    async def _read(
        self,
        store: AsyncStore,
        client_id: str,
        secret: str | None,
        read: AsyncCall[Read],
    ) -> tuple[Client | None, Sequence[ClientSecret], Read]:
        """Return the client, its live secrets if it presents one, and the read."""
        get_client = partial(
            store.clients.get_by_client_id,
            tenant_id=self._tenant_id,
            client_id=client_id,
        )
        if secret is None:
            client, found = await store.together(get_client, read)
            return client, (), found
        list_live = partial(
            store.client_secrets.list_live,
            tenant_id=self._tenant_id,
            client_id=client_id,
        )
        return await store.together(get_client, list_live, read)

    async def _has_secret(
        self, store: AsyncStore, live: Sequence[ClientSecret], secret: str | None
    ) -> bool:
        if secret is None:
            return False
        for each in live:
            if await _matches(each.secret_hash, secret):
                if not self._is_noted(each):
                    await store.client_secrets.record_use(
                        tenant_id=self._tenant_id, secret_id=each.id
                    )
                return True
        return False

    def _is_noted(self, secret: ClientSecret) -> bool:
        """Return whether `record_use` would write nothing, if the clocks agree."""
        used_at = secret.last_used_at
        return used_at is not None and abs(self._context.now() - used_at) < _NOTED


async def prove_key(
    store: AsyncStore,
    tenant_id: UUID,
    request: Request,
    *,
    access_token: str | None,
    lifetime: timedelta,
    skew: timedelta,
) -> str | None:
    """Return the thumbprint of the key of the DPoP proof, or None without one.

    The jti of the proof is used up. Raises ProtocolError.
    """
    proof = request.header("dpop")
    if proof is None:
        return None
    jkt, assertion = check_proof(
        proof,
        method=request.method,
        url=request.url,
        access_token=access_token,
        now=datetime.now(UTC),
        lifetime=lifetime,
        skew=skew,
    )
    if not await _is_new(store, tenant_id, "dpop_proof", jkt, assertion):
        message = "the DPoP proof is not valid"
        raise ProtocolError("invalid_dpop_proof", message)
    return jkt


async def _matches(secret_hash: str, secret: str) -> bool:
    if is_minted_secret_hash(secret_hash):
        return verify_client_secret(secret_hash, secret)
    return await compute_async(verify_client_secret, secret_hash, secret)


async def _nothing() -> None:
    """Read nothing."""


async def _is_new(
    store: AsyncStore,
    tenant_id: UUID,
    kind: UsedJtiKind,
    issuer: str,
    assertion: Assertion,
) -> bool:
    try:
        return await store.used_jtis.use(
            tenant_id=tenant_id,
            kind=kind,
            issuer=issuer,
            jti=assertion.jti,
            expires_at=assertion.expires_at,
        )
    except (InvalidValueError, InvalidArgumentError):
        return False  # an end that is more than a day away
