"""Client metadata (RFC 7591 section 2) as the store's fields, and back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.members import (
    check_supported,
    invalid,
    read_flag,
    read_grant_types,
    read_key_set,
    read_name,
    read_public_uri,
    read_response_types,
    read_text,
    read_texts,
)
from authority_queries.contrib.oauth.registered_uris import check_redirect_uri
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.records import (
    Client,
    ClientApplicationType,
    ClientRegistration,
    ClientTokenEndpointAuthMethod,
    ClientType,
)

_METHODS: Final[Mapping[str, ClientTokenEndpointAuthMethod]] = {
    "none": "none",
    "client_secret_basic": "client_secret_basic",
    "client_secret_post": "client_secret_post",
    "private_key_jwt": "private_key_jwt",
    "self_signed_tls_client_auth": "self_signed_tls_client_auth",
}
_APPLICATIONS: Final[Mapping[str, ClientApplicationType]] = {
    "web": "web",
    "native": "native",
}
_KEY_METHODS: Final = frozenset({"private_key_jwt", "self_signed_tls_client_auth"})
# Requirements of a client, and their members of the metadata (RFC 9126 section 6, RFC
# 9449 section 5.2).
PUSHED: Final = "ft:par"
DPOP: Final = "ft:dpop"
_REQUIREMENTS: Final[Mapping[str, str]] = {
    PUSHED: "require_pushed_authorization_requests",
    DPOP: "dpop_bound_access_tokens",
}
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\])[:/]")
_PREFIX: Final = "scp:"
# Without ept:introspection: it may introspect only its own tokens.
_ENDPOINTS: Final = (
    "ept:authorization",
    "ept:device_authorization",
    "ept:revocation",
    "ept:token",
)


class ClientFields(TypedDict):
    """The fields of a client that its metadata set."""

    application_type: ClientApplicationType
    display_name: str
    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str]
    backchannel_logout_uri: str | None
    backchannel_logout_session_required: bool
    frontchannel_logout_uri: str | None
    frontchannel_logout_session_required: bool
    token_endpoint_auth_method: ClientTokenEndpointAuthMethod
    grant_types: Sequence[str]
    response_types: Sequence[str]
    permissions: Sequence[str]
    json_web_key_set: JsonObject | None
    jwks_uri: str | None


class RegistrationFields(TypedDict):
    """The fields of a registration that the client's metadata set."""

    contacts: Sequence[str]
    client_uri: str | None
    logo_uri: str | None
    policy_uri: str | None
    tos_uri: str | None
    software_id: str | None
    software_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The metadata of a client that registers, as the store's fields."""

    client: ClientFields
    registration: RegistrationFields
    requirements: Sequence[str]

    @property
    def method(self) -> ClientTokenEndpointAuthMethod:
        """The method by which the client authenticates."""
        return self.client["token_endpoint_auth_method"]

    @property
    def client_type(self) -> ClientType:
        """The type: a client without authentication is public."""
        return "public" if self.method == "none" else "confidential"


def read_metadata(document: JsonObject, settings: ProviderSettings) -> Metadata:
    """Return the metadata of a request. Raises ProtocolError.

    Unknown members are ignored (RFC 7591 section 2). Known members that this issuer
    does not support are refused. The defaults are those of the RFC.
    """
    check_supported(document, settings)
    flags = _REQUIREMENTS.items()
    return Metadata(
        client=_client_fields(document, settings),
        registration=_registration_fields(document),
        requirements=[name for name, flag in flags if read_flag(document, flag)],
    )


def _client_fields(document: JsonObject, settings: ProviderSettings) -> ClientFields:
    method = _METHODS.get(
        read_text(document, "token_endpoint_auth_method") or "client_secret_basic"
    )
    kind = read_text(document, "application_type") or _kind_of(document)
    application = _APPLICATIONS.get(kind)
    if method is None or application is None:
        raise invalid("token_endpoint_auth_method or application_type")
    jwks, jwks_uri = read_key_set(document), read_public_uri(document, "jwks_uri")
    if method in _KEY_METHODS and jwks is None and jwks_uri is None:
        raise invalid("jwks")
    grant_types = read_grant_types(document, settings.registration_grant_types)
    redirects = _redirects(document, "redirect_uris", application)
    if "authorization_code" in grant_types and not redirects:
        raise ProtocolError("invalid_redirect_uri", "redirect_uris is missing")
    scopes = (read_text(document, "scope") or "").split()
    back, front = "backchannel_logout", "frontchannel_logout"
    return {
        "application_type": application,
        "display_name": read_name(document),
        "redirect_uris": redirects,
        "post_logout_redirect_uris": _redirects(
            document, "post_logout_redirect_uris", application
        ),
        "backchannel_logout_uri": read_public_uri(document, f"{back}_uri"),
        "backchannel_logout_session_required": read_flag(
            document, f"{back}_session_required"
        ),
        "frontchannel_logout_uri": read_public_uri(document, f"{front}_uri"),
        "frontchannel_logout_session_required": read_flag(
            document, f"{front}_session_required"
        ),
        "token_endpoint_auth_method": method,
        "grant_types": grant_types,
        "response_types": read_response_types(document, grant_types),
        "permissions": [*_ENDPOINTS, *(_PREFIX + name for name in scopes)],
        "json_web_key_set": jwks,
        "jwks_uri": jwks_uri,
    }


def _registration_fields(document: JsonObject) -> RegistrationFields:
    return {
        "contacts": read_texts(document, "contacts"),
        "client_uri": read_text(document, "client_uri"),
        "logo_uri": read_text(document, "logo_uri"),
        "policy_uri": read_text(document, "policy_uri"),
        "tos_uri": read_text(document, "tos_uri"),
        "software_id": read_text(document, "software_id"),
        "software_version": read_text(document, "software_version"),
    }


def _kind_of(document: JsonObject) -> str:
    """Return the type of a client that names none: native with a loopback address.

    RFC 7591 has no such member, and the port of a native client's loopback address is
    not compared (RFC 8252 section 7.3).
    """
    uris = read_texts(document, "redirect_uris")
    return "native" if any(map(_LOOPBACK.match, uris)) else "web"


def _redirects(
    document: JsonObject, name: str, application: ClientApplicationType
) -> Sequence[str]:
    return [check_redirect_uri(uri, application) for uri in read_texts(document, name)]


def metadata_of(client: Client, registration: ClientRegistration | None) -> JsonObject:
    """Return the client's metadata (RFC 7591 section 3.2.1)."""
    scopes = [
        name.removeprefix(_PREFIX)
        for name in client.permissions
        if name.startswith(_PREFIX)
    ]
    members: dict[str, JsonValue] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "client_name": client.display_name or None,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris) or None,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "application_type": client.application_type,
        "grant_types": client.grant_types,
        "response_types": client.response_types,
        "scope": " ".join(scopes) or None,
        "jwks": client.json_web_key_set,
        "jwks_uri": client.jwks_uri,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "backchannel_logout_session_required": (
            client.backchannel_logout_session_required or None
        ),
        "frontchannel_logout_uri": client.frontchannel_logout_uri,
        "frontchannel_logout_session_required": (
            client.frontchannel_logout_session_required or None
        ),
    }
    for name, member in _REQUIREMENTS.items():
        members[member] = name in client.requirements or None
    if registration is not None:
        members |= {
            "contacts": list(registration.contacts) or None,
            "client_uri": registration.client_uri,
            "logo_uri": registration.logo_uri,
            "policy_uri": registration.policy_uri,
            "tos_uri": registration.tos_uri,
            "software_id": registration.software_id,
            "software_version": registration.software_version,
        }
    return {name: value for name, value in members.items() if value is not None}
