"""Applications and scopes of OpenIddict."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    ConversionError,
    client_secret_hash,
    json_object,
    text,
    text_list,
)
from authority_queries.importing.entries import (
    AnyEntry,
    ClientEntry,
    ClientSecretEntry,
    ScopeEntry,
)
from authority_queries.importing.sources.fields import (
    Fields,
    id_of,
    is_resource,
    texts,
    uuid_of,
)

_OWN: Final = "each store has its own lock"
_PUBLIC: Final = "a public client has no secret"
# OpenIddict's permissions for what the columns grant_types and response_types have.
_GRANT_TYPE, _RESPONSE_TYPE = "gt:", "rst:"


def convert_scope(fields: Fields) -> Iterator[AnyEntry]:
    """Convert a scope. Resources that are no absolute URIs stay in its properties."""
    key = fields.need("id", text)
    fields.drop(_OWN, "concurrencytoken")
    properties = fields.take("properties", json_object, {})
    resources = fields.take("resources", text_list, ())
    others: list[JsonValue] = [name for name in resources if not is_resource(name)]
    if others:
        properties = {"resources": others, **properties}
    yield ScopeEntry(
        id=uuid_of(key),
        name=fields.need("name", text),
        display_name=fields.take("displayname", text, ""),
        display_names=fields.take("displaynames", texts, {}),
        description=fields.take("description", text, ""),
        descriptions=fields.take("descriptions", texts, {}),
        resources=tuple(filter(is_resource, resources)),
        properties=fields.kept_in(properties),
    )


def convert_application(fields: Fields, *, tenant: str) -> Iterator[AnyEntry]:
    """Convert an application to a client and the hash of its secret.

    The permissions `gt:` and `rst:` become grant types and response types. As in
    OpenIddict, a client without such permissions may use none.
    """
    key = fields.need("id", text)
    fields.drop(_OWN, "concurrencytoken")
    client_id = fields.need("clientid", text)
    client_type = _client_type(fields)
    if client_type == "public":
        fields.drop(_PUBLIC, "clientsecret")
    secret_hash = fields.attempt("clientsecret", client_secret_hash, None)
    permissions = fields.take("permissions", text_list, ())
    properties = fields.take("properties", json_object, {})
    fields_of_client: dict[str, object] = {
        "id": uuid_of(key),
        "client_id": client_id,
        "client_type": client_type,
        "application_type": fields.take("applicationtype", text, "web"),
        "consent_type": fields.take("consenttype", text, "explicit"),
        "display_name": fields.take("displayname", text, ""),
        "display_names": fields.take("displaynames", texts, {}),
        "redirect_uris": fields.take("redirecturis", text_list, ()),
        "post_logout_redirect_uris": fields.take(
            "postlogoutredirecturis", text_list, ()
        ),
        "grant_types": _after(_GRANT_TYPE, permissions),
        "response_types": _after(_RESPONSE_TYPE, permissions),
        "permissions": tuple(
            permission
            for permission in permissions
            if not permission.startswith((_GRANT_TYPE, _RESPONSE_TYPE))
        ),
        "requirements": fields.take("requirements", text_list, ()),
        "settings": fields.take("settings", json_object, {}),
        "json_web_key_set": fields.take("jsonwebkeyset", json_object, None),
        "token_endpoint_auth_method": "none" if client_type == "public" else None,
        "properties": fields.kept_in(properties),
    }
    yield ClientEntry.model_validate(fields_of_client)
    if secret_hash is not None:
        yield ClientSecretEntry(
            id=id_of(tenant, "client_secret", key),
            client=client_id,
            secret_hash=secret_hash,
        )


def _client_type(fields: Fields) -> str:
    older = fields.take("type", text, None)
    found = fields.take("clienttype", text, older)
    match found:
        case "confidential" | "public":
            return found
        case None | "hybrid":  # of version 2: a client that may have a secret
            return "confidential" if fields.has("clientsecret") else "public"
    message = "clienttype is neither confidential nor public"
    raise ConversionError(message)


def _after(prefix: str, permissions: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        permission.removeprefix(prefix)
        for permission in permissions
        if permission.startswith(prefix)
    )
