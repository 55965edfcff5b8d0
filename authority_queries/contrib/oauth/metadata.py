"""The metadata that an issuer publishes."""

from collections.abc import Sequence
from typing import Final

from authority_queries.contrib.oauth.jose import ALGORITHMS
from authority_queries.contrib.oauth.scopes import PROTOCOL_SCOPES
from authority_queries.contrib.oauth.settings import (
    STANDARD_CLAIMS,
    ProviderSettings,
    standard_claims,
)
from authority_queries.engine.json_types import JsonObject, JsonValue

GRANT_TYPES: Final = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
)
_METHODS: Final = (
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "self_signed_tls_client_auth",
)
_ID_TOKEN_CLAIMS: Final = ("sub", "auth_time", "acr", "amr", "sid")


def discovery(settings: ProviderSettings, scopes: Sequence[str]) -> JsonObject:
    """Return the metadata (RFC 8414 section 2, OpenID Connect Discovery section 3)."""
    endpoints = settings.endpoints
    methods: JsonValue = [*_METHODS, "none"]
    algorithms: JsonValue = list(ALGORITHMS)
    members: dict[str, JsonValue] = {
        "issuer": settings.issuer,
        "authorization_endpoint": settings.url(endpoints.authorization),
        "token_endpoint": settings.url(endpoints.token),
        "introspection_endpoint": settings.url(endpoints.introspection),
        "revocation_endpoint": settings.url(endpoints.revocation),
        "userinfo_endpoint": settings.url(endpoints.userinfo),
        "jwks_uri": settings.url(endpoints.jwks),
        "pushed_authorization_request_endpoint": settings.url(
            endpoints.pushed_authorization_request
        ),
        "device_authorization_endpoint": settings.url(endpoints.device_authorization),
        "end_session_endpoint": settings.url(endpoints.end_session),
        "scopes_supported": sorted(PROTOCOL_SCOPES.union(scopes)),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [settings.signing_alg],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": list(_METHODS),
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "dpop_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": ["S256"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,  # but those of pushed requests
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "tls_client_certificate_bound_access_tokens": True,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "client_id_metadata_document_supported": settings.metadata_documents,
    }
    if settings.registration != "closed":
        members["registration_endpoint"] = settings.url(endpoints.registration)
    if settings.claims is standard_claims:
        members["claims_supported"] = [*_ID_TOKEN_CLAIMS, *STANDARD_CLAIMS]
    if settings.acr_values_supported:
        members["acr_values_supported"] = list(settings.acr_values_supported)
    return {**members, **settings.metadata}
