"""The `iss` of authorization responses (RFC 9207), once."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import BaseGrant
from authlib.oauth2.rfc9207 import IssuerParameter

from authority_queries.contrib.authlib.requests import RedirectedError

_ON_GRANT, _ON_SERVER = (
    "after_authorization_response",
    "after_create_authorization_response",
)


def adds_issuer(grant: BaseGrant) -> bool:
    """Return whether an IssuerParameter of the application adds it."""
    hooks = [
        *vars(grant)["_hooks"].get(_ON_GRANT, ()),
        *vars(grant.server)["_hooks"].get(_ON_SERVER, ()),
    ]
    owners = (getattr(hook, "__self__", None) for hook in hooks)
    return any(isinstance(owner, IssuerParameter) for owner in owners)


def with_issuer(grant: BaseGrant, uri: str, issuer: str) -> str:
    """Return a redirect with the parameter, unless the application adds it."""
    if adds_issuer(grant):
        return uri
    named: str = add_params_to_uri(uri, [("iss", issuer)])
    return named


@contextmanager
def errors_with_issuer(grant: BaseGrant, issuer: str) -> Iterator[None]:
    """Add the parameter to redirects of errors, unless the application adds it."""
    try:
        yield
    except RedirectedError as error:
        if adds_issuer(grant):
            error.redirect_uri = _without(error.redirect_uri)
        raise
    except OAuth2Error as error:
        if error.redirect_uri:
            error.redirect_uri = with_issuer(grant, error.redirect_uri, issuer)
        raise


def _without(uri: str) -> str:
    parts = urlsplit(uri)
    query = [each for each in parse_qsl(parts.query) if each[0] != "iss"]
    return urlunsplit(parts._replace(query=urlencode(query)))
