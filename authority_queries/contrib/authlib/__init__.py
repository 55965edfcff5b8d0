"""The store behind Authlib's authorization server and resource protector."""

from authority_queries.contrib.authlib.adapters import (
    StoredCodes,
    StoredRefreshTokens,
)
from authority_queries.contrib.authlib.authorization import AuthorizationCodeGrant
from authority_queries.contrib.authlib.clients import Client
from authority_queries.contrib.authlib.devices import StoredDevices
from authority_queries.contrib.authlib.endpoints import (
    ClientRegistrationEndpoint,
    DeviceAuthorizationEndpoint,
    IntrospectionEndpoint,
    JwksEndpoint,
    MetadataEndpoint,
    ProviderEndpoint,
    RevocationEndpoint,
    TokenEndpoint,
    UserInfoEndpoint,
)
from authority_queries.contrib.authlib.grants import (
    ClientCredentialsGrant,
    DeviceCodeGrant,
    RefreshTokenGrant,
    StoreGrant,
    TokenExchangeGrant,
)
from authority_queries.contrib.authlib.id_tokens import OpenIDCode
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.models import (
    EndUser,
    LiveToken,
    StoredDevice,
    StoredToken,
    User,
)
from authority_queries.contrib.authlib.registering import register
from authority_queries.contrib.authlib.validators import (
    BearerTokenValidator,
    DPoPTokenValidator,
)

__all__ = [
    "AuthorizationCodeGrant",
    "BearerTokenValidator",
    "Client",
    "ClientCredentialsGrant",
    "ClientRegistrationEndpoint",
    "DPoPTokenValidator",
    "DeviceAuthorizationEndpoint",
    "DeviceCodeGrant",
    "EndUser",
    "IntrospectionEndpoint",
    "Issuer",
    "JwksEndpoint",
    "LiveToken",
    "MetadataEndpoint",
    "OpenIDCode",
    "ProviderEndpoint",
    "RefreshTokenGrant",
    "RevocationEndpoint",
    "StoreGrant",
    "StoredCodes",
    "StoredDevice",
    "StoredDevices",
    "StoredRefreshTokens",
    "StoredToken",
    "TokenEndpoint",
    "TokenExchangeGrant",
    "User",
    "UserInfoEndpoint",
    "register",
]
