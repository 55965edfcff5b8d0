"""All grants and endpoints on Authlib's server."""

from typing import Final

from authlib.oauth2 import AuthorizationServer

from authority_queries.contrib.authlib.authorization import AuthorizationCodeGrant
from authority_queries.contrib.authlib.endpoints import (
    ClientRegistrationEndpoint,
    DeviceAuthorizationEndpoint,
    IntrospectionEndpoint,
    JwksEndpoint,
    MetadataEndpoint,
    RevocationEndpoint,
    TokenEndpoint,
    UserInfoEndpoint,
)
from authority_queries.contrib.authlib.grants import (
    ClientCredentialsGrant,
    DeviceCodeGrant,
    RefreshTokenGrant,
    TokenExchangeGrant,
)
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.strings import default_generator

GRANTS: Final = (
    AuthorizationCodeGrant,
    RefreshTokenGrant,
    ClientCredentialsGrant,
    DeviceCodeGrant,
    TokenExchangeGrant,
)
ENDPOINTS: Final = (
    TokenEndpoint,
    IntrospectionEndpoint,
    RevocationEndpoint,
    DeviceAuthorizationEndpoint,
    UserInfoEndpoint,
    MetadataEndpoint,
    JwksEndpoint,
    ClientRegistrationEndpoint,
)


def register(server: AuthorizationServer, issuer: Issuer) -> None:
    """Register client authentication, all grants and all endpoints.

    Raises ConfigurationError if the server has a generator of the application.

    For fewer, or for grants of your own: `issuer.authenticate_with(server)`, then
    `server.register_grant(issuer.bind(RefreshTokenGrant))` and the like.
    """
    issuer.authenticate_with(server)
    if not issuer.strings_of_application:
        default_generator(server)
        server.register_token_generator("default", issuer.token_generator())
    for grant in GRANTS:
        server.register_grant(issuer.bind(grant))
    for endpoint in ENDPOINTS:
        server.register_endpoint(issuer.bind(endpoint))
