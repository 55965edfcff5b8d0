"""What the authorization endpoint and pushed requests check alike (RFC 9126 2.1)."""

from datetime import datetime

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.authorization_requests import (
    AuthorizationRequest,
    read_request,
)
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.contrib.oauth.scopes import check_scopes
from authority_queries.records import Client
from authority_queries.repositories._async.store import AsyncStore


async def check_request(
    store: AsyncStore, client: Client, parameters: Parameters, received_at: datetime
) -> AuthorizationRequest:
    """Return the request. The caller checks its redirect_uri. Raises ProtocolError."""
    if parameters.get("request") is not None:
        message = "request objects are not supported"
        raise ProtocolError("request_not_supported", message)
    if parameters.require("response_type") != "code":
        message = "response_type must be code"
        raise ProtocolError("unsupported_response_type", message)
    request = read_request(parameters, client, received_at)
    known = await store.scopes.resolve(tenant_id=client.tenant_id, names=request.scopes)
    check_scopes(client, request.scopes, (each.name for each in known))
    return request
