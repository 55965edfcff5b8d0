"""Clients of a realm, and its client scopes."""

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    ConversionError,
    boolean,
    epoch_seconds,
    integer,
    json_object,
    text,
    text_list,
    uuid,
)
from authority_queries.importing.documents import Dropped
from authority_queries.importing.entries import AnyEntry, ClientEntry, ScopeEntry
from authority_queries.importing.sources.fields import Fields, SkippedError
from authority_queries.importing.sources.keeping import keep
from authority_queries.importing.sources.keycloak.client_secrets import (
    key_fields,
    secret_entries,
)
from authority_queries.importing.sources.keycloak.realms import OIDC, Realm
from authority_queries.importing.sources.redirect_uris import exact_uris, is_native
from authority_queries.importing.sources.tenant_codes import SYSTEM_SCOPES
from authority_queries.importing.sources.time_spans import time_span
from authority_queries.records import ClientTokenEndpointAuthMethod

_METHODS: Final[Mapping[str, ClientTokenEndpointAuthMethod]] = {
    "client-jwt": "private_key_jwt",
    "client-x509": "tls_client_auth",
}
_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
# The switches of a client, whether each is on unless it is named, and its grant.
_SWITCHES: Final = (
    ("standardflowenabled", True, "authorization_code"),
    ("implicitflowenabled", False, "implicit"),
    ("directaccessgrantsenabled", False, "password"),
    ("serviceaccountsenabled", False, "client_credentials"),
)
_ATTRIBUTE_SWITCHES: Final = (
    ("oauth2.device.authorization.grant.enabled", False, _DEVICE),
    ("oidc.ciba.grant.enabled", False, "urn:openid:params:grant-type:ciba"),
    (
        "standard.token.exchange.enabled",
        False,
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ),
)
# Keycloak issues refresh tokens for these grants.
_REFRESHED: Final = frozenset({"authorization_code", "password", _DEVICE})
_RESPONSE_TYPES: Final = (
    ("code", {"authorization_code"}),
    ("id_token", {"implicit"}),
    ("id_token token", {"implicit"}),
    ("code id_token", {"authorization_code", "implicit"}),
    ("code token", {"authorization_code", "implicit"}),
    ("code id_token token", {"authorization_code", "implicit"}),
)
_SIGNED_OUT: Final = "post.logout.redirect.uris"


def client_entries(fields: Fields, realm: Realm) -> list[AnyEntry]:
    """Convert a client and its secrets."""
    client_id = fields.need("clientid", text)
    if realm.is_own_client(client_id):
        reason = "a client of Keycloak itself"
        raise SkippedError(reason)
    if fields.take("protocol", text, OIDC) != OIDC:
        message = "protocol is another one than openid-connect"
        raise ConversionError(message)
    attributes = Fields(fields.take("attributes", json_object, {}))
    is_public = fields.take("publicclient", boolean, otherwise=False)
    secrets = secret_entries(
        fields, attributes, code=realm.code, client_id=client_id, is_public=is_public
    )
    client: dict[str, object] = {
        "client_id": client_id,
        "client_type": "public" if is_public else "confidential",
        "token_endpoint_auth_method": _method(fields, is_public=is_public),
        **_metadata(fields),
    }
    kept: dict[str, JsonValue] = {}
    entries: list[AnyEntry] = list(secrets)
    client |= _uris(fields, attributes, kept, is_public=is_public) | _logout(attributes)
    client |= _grants(fields, attributes, kept) | key_fields(attributes)
    kept |= fields.rest() | {"attributes": attributes.rest()}
    fields.report("attributes", attributes)
    client["properties"] = keep("keycloak", kept, fields.dropped)
    return [ClientEntry.model_validate(client), *entries]


def _metadata(fields: Fields) -> dict[str, object]:
    fields.drop("a token of Keycloak", "registrationaccesstoken")
    fields.drop("permissions of UMA have no place here", "authorizationsettings")
    not_before = fields.take("notbefore", integer, 0)
    is_asked = fields.take("consentrequired", boolean, otherwise=False)
    return {
        "id": fields.take("id", uuid, None),
        "consent_type": "explicit" if is_asked else "implicit",
        "display_name": fields.take("name", text, ""),
        "enabled": fields.take("enabled", boolean, otherwise=True),
        "tokens_valid_after": epoch_seconds(not_before) if not_before else None,
    }


def _method(fields: Fields, *, is_public: bool) -> ClientTokenEndpointAuthMethod | None:
    """Return how a client authenticates. None means by its secret, in either way."""
    name = fields.take("clientauthenticatortype", text, "client-secret")
    if is_public:
        return "none"
    if name != "client-secret" and name not in _METHODS:
        reason = f"{name} needs what is not stored here: choose another method"
        fields.dropped.append(Dropped(field="clientAuthenticatorType", reason=reason))
    return _METHODS.get(name)


def _uris(
    fields: Fields,
    attributes: Fields,
    kept: dict[str, JsonValue],
    *,
    is_public: bool,
) -> dict[str, object]:
    """Convert the redirect URIs. Those with wildcards are listed and kept."""
    root = fields.take("rooturl", text, "")
    uris, wild = exact_uris(
        fields.take("redirecturis", text_list, ()),
        "redirectUris",
        fields.dropped,
        root=root,
    )
    listed = attributes.take(_SIGNED_OUT, text, "").split("##")
    signed_out, wild_out = exact_uris(
        [uri for uri in listed if uri not in ("", "-", "+")],
        _SIGNED_OUT,
        attributes.dropped,
        root=root,
    )
    kept |= {
        "rootUrl": root,
        "redirectUris": list[JsonValue](wild),
        "postLogoutRedirectUris": list[JsonValue](wild_out),
    }
    both = (*signed_out, *(uris if "+" in listed else ()))
    return {
        "redirect_uris": uris,
        "post_logout_redirect_uris": tuple(dict.fromkeys(both)),
        "application_type": "native" if is_public and is_native(uris) else "web",
    }


def _logout(attributes: Fields) -> dict[str, object]:
    return {
        f"{channel}_logout_{ours}": attributes.take(
            f"{channel}.logout.{theirs}", convert, otherwise
        )
        for channel in ("backchannel", "frontchannel")
        for ours, theirs, convert, otherwise in (
            ("uri", "url", text, None),
            ("session_required", "session.required", boolean, False),
        )
    }


def _grants(
    fields: Fields, attributes: Fields, kept: dict[str, JsonValue]
) -> dict[str, object]:
    """Convert the flows, scopes and further rules of a client."""
    is_bearer_only = fields.take("beareronly", boolean, otherwise=False)
    grants = [
        grant
        for holder, switches in ((fields, _SWITCHES), (attributes, _ATTRIBUTE_SWITCHES))
        for name, default, grant in switches
        if holder.take(name, boolean, otherwise=default) and not is_bearer_only
    ]
    if attributes.take("use.refresh.tokens", boolean, otherwise=True) and (
        _REFRESHED & set(grants)
    ):
        grants.append("refresh_token")
    method = attributes.take("pkce.code.challenge.method", text, "")
    lifespan = attributes.take("access.token.lifespan", integer, 0)
    kept |= {"bearerOnly": is_bearer_only or None, "pkceCodeChallengeMethod": method}
    return {
        "grant_types": tuple(grants),
        "response_types": tuple(
            name for name, needed in _RESPONSE_TYPES if needed <= set(grants)
        ),
        "permissions": (*_endpoints(grants), *_scopes(fields, kept)),
        "requirements": ("ft:pkce",) if method else (),
        "settings": {"tkn_lft:act": time_span(lifespan)} if lifespan > 0 else {},
    }


def _endpoints(grants: Iterable[str]) -> list[str]:
    found = ["ept:token"] if set(grants) - {"implicit"} else []
    if {"authorization_code", "implicit"} & set(grants):
        found.append("ept:authorization")
    if _DEVICE in grants:
        found.append("ept:device_authorization")
    return found


def _scopes(fields: Fields, kept: dict[str, JsonValue]) -> list[str]:
    """Return the scopes that a client may request, as permissions."""
    found: dict[str, None] = {}
    for name in ("defaultClientScopes", "optionalClientScopes"):
        scopes = fields.take(name.lower(), text_list, ())
        kept[name] = list(scopes)
        found |= dict.fromkeys(f"scp:{scope}" for scope in scopes)
    return list(found)


def scope_entries(fields: Fields) -> list[AnyEntry]:
    """Convert a client scope."""
    name = fields.need("name", text)
    if name in SYSTEM_SCOPES:
        reason = "a standard scope, which each tenant has"
        raise SkippedError(reason)
    if fields.take("protocol", text, OIDC) != OIDC:
        reason = "a scope of another protocol than openid-connect"
        raise SkippedError(reason)
    scope = {
        "id": fields.take("id", uuid, None),
        "name": name,
        "description": fields.take("description", text, ""),
    }
    kept = keep("keycloak", fields.rest(), fields.dropped)
    return [ScopeEntry.model_validate(scope | {"properties": kept})]
