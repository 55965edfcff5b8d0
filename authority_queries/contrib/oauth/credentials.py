"""The credentials of a client in a request (RFC 6749 section 2.3)."""

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.certificates import is_certificate_of
from authority_queries.contrib.oauth.jose import issuer_of
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.engine.json_types import JsonObject

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def read_credentials(
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
        raise unknown_client(request)
    return named, posted, "none" if posted is None else "client_secret_post"


def is_own_certificate(own: JsonObject | None, request: Request) -> bool:
    """Return whether a key set has the request's certificate (RFC 8705 section 2.2)."""
    keys = (own or {}).get("keys")
    return isinstance(keys, list) and any(
        is_certificate_of(key, request.certificate_thumbprint) for key in keys
    )


def unknown_client(request: Request) -> ProtocolError:
    """Return the refusal of a client, the same for every reason (RFC 6749 5.2)."""
    scheme = (request.header("authorization") or "").partition(" ")[0]
    headers = {"www-authenticate": 'Basic realm="oauth"'} if scheme else {}
    message = "the client is unknown or did not authenticate"
    return ProtocolError("invalid_client", message, headers=headers)
