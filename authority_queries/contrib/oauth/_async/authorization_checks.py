"""Checks of requests for authorization, also of pushed ones (RFC 9126 section 2.1)."""

from dataclasses import replace
from datetime import datetime

from authority_queries.contrib.oauth._async.hints import read_hint
from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.authorization_requests import (
    AuthorizationRequest,
    read_request,
)
from authority_queries.contrib.oauth.context import Context
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.contrib.oauth.scopes import check_scopes
from authority_queries.records import Client
from authority_queries.repositories._async.store import AsyncStore


async def check_request(
    store: AsyncStore,
    context: Context,
    client: Client,
    parameters: Parameters,
    received_at: datetime,
) -> AuthorizationRequest:
    """Return the request. The caller checks its redirect_uri. Raises ProtocolError."""
    if parameters.get("request") is not None:
        message = "request objects are not supported"
        raise ProtocolError("request_not_supported", message)
    if parameters.get("request_uri") is not None:
        message = "request_uri must be that of a pushed request"
        raise ProtocolError("request_uri_not_supported", message)
    if parameters.require("response_type") != "code":
        message = "response_type must be code"
        raise ProtocolError("unsupported_response_type", message)
    supported = context.settings.acr_values_supported
    request = read_request(parameters, client, received_at, supported)
    known = await store.scopes.resolve(tenant_id=client.tenant_id, names=request.scopes)
    check_scopes(client, request.scopes, (each.name for each in known))
    if parameters.get("id_token_hint") is None:
        return request
    hint = await read_hint(store, context, parameters)
    if hint is None:
        message = "id_token_hint is not of this issuer, or too old"
        raise ProtocolError("invalid_request", message)
    return replace(request, hinted_subject_id=str(hint.get("sub")))
