"""Client metadata (RFC 7591 section 2) as the store's fields, and back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.registered_uris import (
    check_redirect_uri,
    is_public_uri,
)
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
_PREFIX: Final = "scp:"
# Without ept:introspection: it may introspect only its own tokens.
_ENDPOINTS: Final = (
    "ept:authorization",
    "ept:device_authorization",
    "ept:revocation",
    "ept:token",
)
# Control characters, ends of lines, and those that change the direction of a text.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The metadata of a client that registers."""

    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str]
    method: ClientTokenEndpointAuthMethod
    application_type: ClientApplicationType
    grant_types: Sequence[str]
    response_types: Sequence[str]
    permissions: Sequence[str]
    client_name: str
    jwks: JsonObject | None
    jwks_uri: str | None
    contacts: Sequence[str]
    client_uri: str | None
    logo_uri: str | None
    policy_uri: str | None
    tos_uri: str | None
    software_id: str | None
    software_version: str | None
    backchannel_logout_uri: str | None
    backchannel_session_required: bool
    frontchannel_logout_uri: str | None
    frontchannel_session_required: bool

    @property
    def client_type(self) -> ClientType:
        """Whether it can keep a secret."""
        return "public" if self.method == "none" else "confidential"


def read_metadata(document: JsonObject, grant_types: Sequence[str]) -> Metadata:
    """Return the metadata of a request. Raises ProtocolError.

    `grant_types` are those that the client may have.

    Unknown members are ignored (RFC 7591 section 2). The defaults are those of the RFC.
    """
    method = _METHODS.get(
        _text(document, "token_endpoint_auth_method") or "client_secret_basic"
    )
    application = _APPLICATIONS.get(_text(document, "application_type") or "web")
    if method is None or application is None:
        raise _invalid("token_endpoint_auth_method or application_type")
    jwks = document.get("jwks")
    if jwks is not None and not isinstance(jwks, dict):
        raise _invalid("jwks")
    return Metadata(
        redirect_uris=[
            check_redirect_uri(uri, application)
            for uri in _texts(document, "redirect_uris")
        ],
        post_logout_redirect_uris=[
            check_redirect_uri(uri, application)
            for uri in _texts(document, "post_logout_redirect_uris")
        ],
        method=method,
        application_type=application,
        grant_types=_grant_types(document, grant_types),
        response_types=_texts(document, "response_types") or ["code"],
        permissions=[
            *_ENDPOINTS,
            *(f"{_PREFIX}{name}" for name in (_text(document, "scope") or "").split()),
        ],
        client_name=_name(document),
        jwks=jwks,
        contacts=_texts(document, "contacts"),
        jwks_uri=_public_uri(document, "jwks_uri"),
        client_uri=_text(document, "client_uri"),
        logo_uri=_text(document, "logo_uri"),
        policy_uri=_text(document, "policy_uri"),
        tos_uri=_text(document, "tos_uri"),
        software_id=_text(document, "software_id"),
        software_version=_text(document, "software_version"),
        backchannel_logout_uri=_public_uri(document, "backchannel_logout_uri"),
        backchannel_session_required=_flag(
            document, "backchannel_logout_session_required"
        ),
        frontchannel_logout_uri=_public_uri(document, "frontchannel_logout_uri"),
        frontchannel_session_required=_flag(
            document, "frontchannel_logout_session_required"
        ),
    )


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
        "frontchannel_logout_uri": client.frontchannel_logout_uri,
    }
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


def _text(document: JsonObject, name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise _invalid(name)
    return value


def _grant_types(document: JsonObject, allowed: Sequence[str]) -> Sequence[str]:
    found = _texts(document, "grant_types") or ["authorization_code"]
    if not set(found) <= set(allowed):
        raise _invalid("grant_types")
    return found


def _name(document: JsonObject) -> str:
    """Return the name of a client, which pages show."""
    name = _text(document, "client_name") or ""
    if _UNPRINTABLE.search(name):
        raise _invalid("client_name")
    return name


def _public_uri(document: JsonObject, name: str) -> str | None:
    uri = _text(document, name)
    if uri is not None and not is_public_uri(uri):
        raise _invalid(name)
    return uri


def _flag(document: JsonObject, name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise _invalid(name)
    return value


def _texts(document: JsonObject, name: str) -> Sequence[str]:
    values = document.get(name, [])
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise _invalid(name)
    return [str(value) for value in values]


def _invalid(name: str) -> ProtocolError:
    return ProtocolError("invalid_client_metadata", f"{name} is not valid")
