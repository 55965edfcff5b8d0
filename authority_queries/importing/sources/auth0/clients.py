"""Applications, APIs and roles of Auth0."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    boolean,
    json_object,
    plain_client_secret,
    plain_json,
    text,
    text_list,
)
from authority_queries.importing.documents import Dropped, derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    ClientEntry,
    ClientRegistrationEntry,
    ClientSecretEntry,
    RoleEntry,
    ScopeEntry,
)
from authority_queries.importing.sources.fields import Fields, SkippedError
from authority_queries.importing.sources.keeping import keep
from authority_queries.importing.sources.objects import objects
from authority_queries.importing.sources.redirect_uris import exact_uris
from authority_queries.importing.sources.role_names import role_name
from authority_queries.importing.sources.tenant_codes import SYSTEM_SCOPES

_PUBLIC_APPS: Final = ("native", "spa")
_METHODS: Final = ("none", "client_secret_basic", "client_secret_post")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^#\s]+$")
_API_SETTINGS: Final = (
    "id",
    "name",
    "issystem",
    "signingalg",
    "allowofflineaccess",
    "tokenlifetime",
    "tokenlifetimeforweb",
    "skipconsentforverifiablefirstpartyclients",
    "enforcepolicies",
    "tokendialect",
)
_RESPONSES: Final[Mapping[str, tuple[str, ...]]] = {
    "authorization_code": ("code",),
    "implicit": ("id_token", "id_token token"),
}


def client_entries(fields: Fields, *, tenant: str) -> list[AnyEntry]:
    """Convert an application and its secret."""
    if fields.take("global", boolean, otherwise=False):
        reason = "the application of Auth0 itself"
        raise SkippedError(reason)
    client_id = fields.need("clientid", text)
    app = fields.take("apptype", text, "regular_web")
    method = fields.take("tokenendpointauthmethod", text, None)
    is_public = method == "none" if method else app in _PUBLIC_APPS
    kept: dict[str, JsonValue] = {"app_type": app}
    client: dict[str, object] = {
        "client_id": client_id,
        "client_type": "public" if is_public else "confidential",
        "application_type": "native" if app == "native" else "web",
        "token_endpoint_auth_method": "none" if is_public else _method(fields, method),
        "display_name": fields.take("name", text, ""),
        **_rules(fields),
        **_uris(fields, kept),
    }
    entries: list[AnyEntry] = [
        *_secrets(fields, client_id, tenant, is_public=is_public),
        *_registrations(fields, client_id),
    ]
    fields.drop("keys of Auth0", "signingkeys", "encryptionkey")
    kept |= fields.rest()
    client["properties"] = keep("auth0", kept, fields.dropped)
    return [ClientEntry.model_validate(client), *entries]


def _method(fields: Fields, method: str | None) -> str | None:
    if method is None or method in _METHODS:
        return method
    reason = f"{method} is not supported: choose another method"
    fields.dropped.append(Dropped(field="token_endpoint_auth_method", reason=reason))
    return None


def _rules(fields: Fields) -> dict[str, object]:
    grants = fields.take("granttypes", text_list, None)
    is_own = fields.take("isfirstparty", boolean, otherwise=False)
    found: dict[str, object] = {"consent_type": "implicit" if is_own else "explicit"}
    if grants is not None:
        responses = (each for grant in grants for each in _RESPONSES.get(grant, ()))
        found |= {"grant_types": grants, "response_types": tuple(responses)}
    return found


def _uris(fields: Fields, kept: dict[str, JsonValue]) -> dict[str, object]:
    found: dict[str, object] = {}
    for ours, theirs in (
        ("redirect_uris", "callbacks"),
        ("post_logout_redirect_uris", "allowed_logout_urls"),
    ):
        given = fields.take(theirs.replace("_", ""), text_list, ())
        found[ours], wild = exact_uris(given, theirs, fields.dropped)
        kept[theirs] = list[JsonValue](wild)
    logout = Fields(fields.take("oidclogout", json_object, {}))
    urls = logout.take("backchannellogouturls", text_list, ())
    found["backchannel_logout_uri"] = urls[0] if urls else None
    if urls[1:]:
        reason = "a client has one back-channel logout URI"
        fields.dropped.append(Dropped(field="oidc_logout", reason=reason))
    kept["oidc_logout"] = logout.rest()
    return found


def _secrets(
    fields: Fields, client_id: str, tenant: str, *, is_public: bool
) -> Iterator[ClientSecretEntry]:
    if is_public:
        fields.drop("a public client has no secret", "clientsecret")
    secret = fields.take("clientsecret", text, None)
    if secret is not None:
        yield ClientSecretEntry(
            id=derive_id(tenant, "client_secret", client_id),
            client=client_id,
            secret_hash=plain_client_secret(secret),
            description="From Auth0.",
        )


def _registrations(fields: Fields, client_id: str) -> Iterator[ClientRegistrationEntry]:
    logo = fields.take("logouri", text, None)
    if logo:
        yield ClientRegistrationEntry(client=client_id, source="manual", logo_uri=logo)


def role_entries(fields: Fields) -> list[AnyEntry]:
    """Convert a role. Its permissions are not those of this authority."""
    given = fields.need("name", text)
    name = role_name(given)
    if name != given:
        fields.dropped.append(Dropped(field="name", reason=f"imported as {name}"))
    fields.drop("another id is derived from the name", "id")
    fields.drop("the permissions of roles are a catalogue here", "permissions")
    description = fields.take("description", text, "")
    return [RoleEntry(name=name, description=description)]


def scopes_of(apis: Iterable[Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return the scopes of all APIs by name, each with the APIs that have it."""
    found: dict[str, JsonValue] = {}
    for api in apis:
        fields = Fields(api)
        identifier = fields.take("identifier", text, "")
        if fields.take("issystem", boolean, otherwise=False):
            continue
        for scope in fields.take("scopes", objects, []):
            value = str(scope.get("value"))
            known = found.setdefault(value, {"resources": [], **scope})
            if isinstance(known, dict) and isinstance(known["resources"], list):
                known["resources"].append(identifier)
    return found


def scope_entries(fields: Fields) -> list[AnyEntry]:
    """Convert a scope, with the APIs that have it as its resources."""
    name = fields.need("value", text)
    if name in SYSTEM_SCOPES:
        reason = "a standard scope, which each tenant has"
        raise SkippedError(reason)
    resources = fields.take("resources", text_list, ())
    absolute = tuple(each for each in resources if _URI.match(each))
    if len(absolute) < len(resources):
        reason = "the identifier of an API that is no URI"
        fields.dropped.append(Dropped(field="identifier", reason=reason))
    scope = {
        "name": name,
        "description": fields.take("description", text, ""),
        "resources": absolute,
    }
    kept = keep("auth0", fields.rest(), fields.dropped)
    return [ScopeEntry.model_validate(scope | {"properties": kept})]


def api_entries(fields: Fields) -> list[AnyEntry]:
    """Account for an API. Its scopes are documents of their own."""
    fields.take("scopes", plain_json, None)
    fields.take("identifier", plain_json, None)
    fields.drop("a key of Auth0", "signingsecret")
    fields.drop("APIs are the resources of scopes", *_API_SETTINGS)
    fields.drop_rest()
    return []
