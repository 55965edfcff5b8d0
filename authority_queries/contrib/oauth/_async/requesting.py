"""Pushed authorization requests (RFC 9126) and devices' requests (RFC 8628)."""

from datetime import timedelta
from typing import Final
from uuid import uuid4

from authority_queries.contrib.oauth._async.authorization_checks import check_request
from authority_queries.contrib.oauth._async.endpoint import AsyncEndpoint, refuse
from authority_queries.contrib.oauth.answers import NO_STORE, Answer, ProtocolError
from authority_queries.contrib.oauth.authorization_requests import is_registered
from authority_queries.contrib.oauth.context import Presenter
from authority_queries.contrib.oauth.outcomes import DEVICE_REQUEST
from authority_queries.contrib.oauth.requests import Parameters, Request, pairs_of
from authority_queries.contrib.oauth.scopes import check_scopes
from authority_queries.engine.json_types import JsonValue
from authority_queries.errors import InvalidTokenError
from authority_queries.records import Client
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import (
    format_request_uri,
    hash_user_code,
    mint_token,
    mint_user_code,
)
from authority_queries.secrets.authorization_requests import parse_request_uri

_LIFETIME: Final = timedelta(minutes=1)
# They authenticate the client, and are not part of the request.
_AUTHENTICATION: Final = frozenset(
    {"client_secret", "client_assertion", "client_assertion_type"}
)


class AsyncPushedRequests(AsyncEndpoint):
    """Stores the parameters of a request that the browser then refers to."""

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        parameters = Parameters(request.parameters)
        presenter = await self._authentication.present(store, request, parameters)
        if parameters.get("request_uri") is not None:
            message = "a pushed request has no request_uri"
            raise ProtocolError("invalid_request", message)
        client = presenter.client
        asked = await check_request(
            store, self._context, client, parameters, self._context.now()
        )
        if not is_registered(client, asked.redirect_uri):
            message = "redirect_uri is not registered"
            raise ProtocolError("invalid_request", message)
        minted = mint_token("request_uri", self._tenant_id)
        await store.pushed_requests.create(
            tenant_id=self._tenant_id,
            request_uri_hash=minted.hash,
            client_id=client.client_id,
            parameters=_stored(parameters, presenter),
            lifetime=_LIFETIME,
        )
        return Answer(
            status=201,
            headers=NO_STORE,
            body={
                "request_uri": format_request_uri(minted),
                "expires_in": int(_LIFETIME.total_seconds()),
            },
        )


class AsyncDeviceAuthorization(AsyncEndpoint):
    """Begins a request that the person approves in another browser."""

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        parameters = Parameters(request.parameters)
        presenter, known = await self._present_with_scopes(store, request, parameters)
        requested = parameters.words("scope") or []
        check_scopes(presenter.client, requested, known)
        minted = mint_token("device_code", self._tenant_id)
        user_code = mint_user_code()
        created = await store.device_authorizations.create(
            tenant_id=self._tenant_id,
            device_code_hash=minted.hash,
            user_code_hash=hash_user_code(self._tenant_id, user_code),
            client_id=presenter.client.client_id,
            scopes=requested,
            resources=parameters.all("resource") or [],
            authorization_details=parameters.details() or [],
            cnf_jkt=presenter.jkt,
        )
        refuse(DEVICE_REQUEST[created.outcome], created.outcome)
        page = self._settings.url(self._settings.endpoints.device_verification)
        lifetime = (created.expires_at or self._context.now()) - self._context.now()
        interval = created.poll_interval or timedelta(seconds=5)
        body: dict[str, JsonValue] = {
            "device_code": minted.token,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": int(lifetime.total_seconds()),
            "interval": int(interval.total_seconds()),
        }
        return Answer(headers=NO_STORE, body=body)


def is_pushed(reference: str) -> bool:
    """Return whether a request_uri is of a pushed request (RFC 9126 section 2.2)."""
    return reference.startswith("urn:ietf:params:oauth:request_uri:")


async def redeem_pushed(
    store: AsyncStore, client: Client, reference: str
) -> Parameters:
    """Return the parameters of a request_uri, and use it up. Raises ProtocolError."""
    try:
        parsed = parse_request_uri(reference)
    except InvalidTokenError:
        parsed = None
    pushed = None
    if parsed is not None and parsed.tenant_id == client.tenant_id:
        pushed = await store.pushed_requests.redeem(
            tenant_id=client.tenant_id,
            request_uri_hash=parsed.hash,
            client_id=client.client_id,
            redemption_id=uuid4(),
        )
    if pushed is None:
        message = "request_uri is unknown, expired or used"
        raise ProtocolError("invalid_request", message)
    return Parameters(pairs_of(pushed.parameters))


def _stored(parameters: Parameters, presenter: Presenter) -> dict[str, JsonValue]:
    """Return the parameters to store: with the proven client and key, no secret.

    Raises ProtocolError if dpop_jkt names another key (RFC 9449 section 10.1).
    """
    kept = {
        name: value
        for name, value in parameters.items().items()
        if name not in _AUTHENTICATION
    }
    kept["client_id"] = presenter.client.client_id
    jkt = presenter.jkt
    if jkt is not None and kept.setdefault("dpop_jkt", jkt) != jkt:
        message = "dpop_jkt is not of the key of the proof"
        raise ProtocolError("invalid_dpop_proof", message)
    return kept
