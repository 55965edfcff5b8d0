"""Who sends a request, and which keys it proves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.certificates import is_certificate_of
from authority_queries.contrib.oauth.context import Context, Presenter
from authority_queries.contrib.oauth.jose import (
    Assertion,
    check_client_assertion,
    check_proof,
    issuer_of,
)
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.contrib.oauth.slow_hashes import compute_async
from authority_queries.credentials import verify_client_secret
from authority_queries.credentials.client_secrets import is_minted_secret_hash
from authority_queries.errors import InvalidArgumentError, InvalidValueError
from authority_queries.records import Client, UsedJtiKind
from authority_queries.repositories._async.store import AsyncStore

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SECRET_METHODS = ("client_secret_basic", "client_secret_post")
_TLS_METHODS = ("tls_client_auth", "self_signed_tls_client_auth")


class AsyncAuthentication:
    """Authenticates clients (RFC 6749 section 2.3), and checks DPoP proofs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tenant_id = context.tenant_id

    async def present(
        self, store: AsyncStore, request: Request, parameters: Parameters
    ) -> Presenter:
        """Return the client, authenticated if it is confidential. Raises ProtocolError.

        The jti of an assertion and of a proof is used up.
        """
        client_id, secret, method = _credentials(request, parameters)
        client = await store.clients.get_by_client_id(
            tenant_id=self._tenant_id, client_id=client_id
        )
        if client is None or not client.enabled:
            raise _unknown(request)
        registered = client.token_endpoint_auth_method
        if method == "none" and request.certificate and registered in _TLS_METHODS:
            is_right = _is_own_certificate(client, request)
        elif registered is not None and registered != method:
            is_right = False
        elif method == "none":
            is_right = client.client_type == "public"
        elif method == "private_key_jwt":
            is_right = await self._asserts(store, client, parameters)
        else:
            is_right = await self._has_secret(store, client, secret)
        if not is_right:
            raise _unknown(request)
        presenter = Presenter(
            client=client,
            is_authenticated=client.client_type == "confidential",
            x5t_s256=request.certificate_thumbprint,
        )
        return replace(presenter, jkt=await self.prove(store, request))

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

    async def _asserts(
        self, store: AsyncStore, client: Client, parameters: Parameters
    ) -> bool:
        if client.json_web_key_set is None:
            return False
        settings = self._context.settings
        assertion = check_client_assertion(
            parameters.require("client_assertion"),
            client.json_web_key_set,
            client_id=client.client_id,
            audiences=frozenset(
                {settings.issuer, settings.url(settings.endpoints.token)}
            ),
            now=self._context.now(),
            skew=settings.clock_skew,
        )
        return await _is_new(
            store, self._tenant_id, "client_assertion", client.client_id, assertion
        )

    async def _has_secret(
        self, store: AsyncStore, client: Client, secret: str | None
    ) -> bool:
        if secret is None:
            return False
        live = await store.client_secrets.list_live(
            tenant_id=self._tenant_id, client_id=client.client_id
        )
        for each in live:
            if is_minted_secret_hash(each.secret_hash):
                is_right = verify_client_secret(each.secret_hash, secret)
            else:
                is_right = await compute_async(
                    verify_client_secret, each.secret_hash, secret
                )
            if is_right:
                await store.client_secrets.record_use(
                    tenant_id=self._tenant_id, secret_id=each.id
                )
                return True
        return False


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


def _credentials(
    request: Request, parameters: Parameters
) -> tuple[str, str | None, str]:
    """Return the client_id, the secret and the method. Raises ProtocolError."""
    basic = request.basic()
    posted = parameters.get("client_secret")
    assertion = parameters.get("client_assertion")
    if (basic is not None) + (posted is not None) + (assertion is not None) > 1:
        message = "several ways of authentication are used"
        raise ProtocolError("invalid_request", message)
    named = parameters.get("client_id")
    if basic is not None:
        client_id, secret = basic
        if named not in {None, client_id}:
            message = "client_id is not that of the Authorization header"
            raise ProtocolError("invalid_request", message)
        return client_id, secret, "client_secret_basic"
    if assertion is not None:
        if parameters.get("client_assertion_type") != _ASSERTION_TYPE:
            message = "client_assertion_type is not supported"
            raise ProtocolError("invalid_client", message)
        return named or issuer_of(assertion), None, "private_key_jwt"
    if named is None:
        raise _unknown(request)
    return named, posted, "none" if posted is None else "client_secret_post"


def _is_own_certificate(client: Client, request: Request) -> bool:
    """Whether the client's key set has the certificate (RFC 8705 section 2.2)."""
    keys = (client.json_web_key_set or {}).get("keys")
    return isinstance(keys, list) and any(
        is_certificate_of(key, request.certificate_thumbprint) for key in keys
    )


def _unknown(request: Request) -> ProtocolError:
    """Return the one answer for every reason (RFC 6749 section 5.2)."""
    scheme = (request.header("authorization") or "").partition(" ")[0]
    headers = {"www-authenticate": 'Basic realm="oauth"'} if scheme else {}
    message = "the client is unknown or did not authenticate"
    return ProtocolError("invalid_client", message, headers=headers)
