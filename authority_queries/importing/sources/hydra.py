"""Clients of Ory Hydra: `hydra list oauth2-clients --format json`, or its admin API."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from authority_queries.errors import ConfigurationError
from authority_queries.importing.conversions import (
    ConversionError,
    boolean,
    client_secret_hash,
    epoch_seconds,
    integer,
    json_object,
    moment,
    plain_client_secret,
    text,
    text_list,
)
from authority_queries.importing.documents import Dropped, Source, derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    ClientEntry,
    ClientRegistrationEntry,
    ClientSecretEntry,
)
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.changes import is_since
from authority_queries.importing.sources.fields import Fields, normalized
from authority_queries.importing.sources.file_source import FileSource, Item
from authority_queries.importing.sources.json_files import refuse_file, values
from authority_queries.importing.sources.keeping import keep
from authority_queries.importing.sources.time_spans import time_span

_LISTS: Final = frozenset({"items", "clients", "oauth2_clients"})
_METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt")
# Lifetimes for one grant are kept in properties.
_LIFETIMES: Final[Mapping[str, str]] = {
    "authorization_code_grant_access_token_lifespan": "tkn_lft:act",
    "authorization_code_grant_id_token_lifespan": "tkn_lft:idt",
    "authorization_code_grant_refresh_token_lifespan": "tkn_lft:reft",
}
_REGISTRATION: Final = ("registrationaccesstoken", "registrationclienturi")
_DURATION: Final = re.compile(
    r"(?=.)(?:(?P<hours>\d{1,6})h)?(?:(?P<minutes>\d{1,6})m)?"
    r"(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)s)?"
)
_SHOWN: Final = ("client_uri", "logo_uri", "policy_uri", "tos_uri")


def open_source(options: SourceOptions) -> Source:
    """Open a file. Raises ConfigurationError, SourceError."""
    if options.tenant is None:
        message = "hydra names no tenant: name the tenant that gets the clients"
        raise ConfigurationError(message)
    location = Path(options.location.get_secret_value())
    clients = partial(_clients, location, options, options.tenant)
    return FileSource(f"hydra:{location.name}", {"clients": clients})


def _clients(location: Path, options: SourceOptions, tenant: str) -> Iterator[Item]:
    convert = partial(client_entries, tenant=tenant)
    for value in values(location, names=_LISTS):
        if not isinstance(value, dict) or "client_id" not in value:
            refuse_file(location, "is no list of Hydra's clients: one has no client_id")
        if is_since(value, options.since, "updated_at", "created_at"):
            yield Item(key=str(value["client_id"]), value=value, convert=convert)


def client_entries(fields: Fields, *, tenant: str) -> list[AnyEntry]:
    """Convert a client, its secret, and what its registration shows to people."""
    client_id = fields.need("clientid", text)
    method = fields.take("tokenendpointauthmethod", text, "client_secret_basic")
    is_public = method == "none"
    created_at = fields.attempt("createdat", moment, None)
    skips = fields.take("skipconsent", boolean, otherwise=False)
    fields.drop("of the registration at Hydra", *_REGISTRATION)
    client: dict[str, object] = {
        "client_id": client_id,
        "client_type": "public" if is_public else "confidential",
        "token_endpoint_auth_method": "none" if is_public else _method(fields, method),
        "consent_type": "implicit" if skips else "explicit",
        "display_name": fields.take("clientname", text, ""),
        "created_at": created_at,
        "updated_at": fields.attempt("updatedat", moment, None),
        **_rules(fields),
        **_uris(fields),
        **_keys(fields),
    }
    entries: list[AnyEntry] = [
        *_secrets(fields, client_id, tenant, is_public=is_public),
        *_registrations(fields, client_id),
    ]
    client["properties"] = keep("hydra", fields.rest(), fields.dropped)
    return [ClientEntry.model_validate(client), *entries]


def _method(fields: Fields, method: str) -> str | None:
    if method in _METHODS:
        return method
    reason = f"{method} is not supported: choose another method"
    fields.dropped.append(Dropped(field="token_endpoint_auth_method", reason=reason))
    return None


def _rules(fields: Fields) -> dict[str, object]:
    """Convert what a client may request. An empty list is Hydra's default."""
    grants = fields.take("granttypes", text_list, ()) or ("authorization_code",)
    responses = fields.take("responsetypes", text_list, ()) or ("code",)
    scope = fields.take("scope", text, "")
    audiences = fields.take("audience", text_list, ())
    lifetimes = {
        ours: fields.take(normalized(theirs), _duration, None)
        for theirs, ours in _LIFETIMES.items()
    }
    return {
        "grant_types": grants,
        "response_types": responses,
        "permissions": (
            *(f"scp:{name}" for name in dict.fromkeys(scope.split())),
            *(f"aud:{name}" for name in audiences),
        ),
        "settings": {
            name: time_span(int(found.total_seconds()))
            for name, found in lifetimes.items()
            if found is not None
        },
    }


def _duration(value: object) -> timedelta:
    """Convert a duration of Go, such as 1h0m0s."""
    match = _DURATION.fullmatch(text(value))
    if match is None:
        message = "is no duration such as 1h0m0s"
        raise ConversionError(message)
    parts = {unit: float(number or 0) for unit, number in match.groupdict().items()}
    return timedelta(**parts)


def _uris(fields: Fields) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        found[name] = fields.take(normalized(name), text_list, ())
    for channel in ("backchannel", "frontchannel"):
        uri = fields.take(f"{channel}logouturi", text, "")
        found[f"{channel}_logout_uri"] = uri or None
        found[f"{channel}_logout_session_required"] = fields.take(
            f"{channel}logoutsessionrequired", boolean, otherwise=False
        )
    return found


def _keys(fields: Fields) -> dict[str, object]:
    uri = fields.take("jwksuri", text, "")
    keys = fields.take("jwks", json_object, {})
    if uri and keys:
        reason = "a client has keys or a URI of keys"
        fields.dropped.append(Dropped(field="jwks", reason=reason))
    if uri:
        return {"jwks_uri": uri}
    return {"json_web_key_set": keys} if keys.get("keys") else {}


def _secrets(
    fields: Fields, client_id: str, tenant: str, *, is_public: bool
) -> Iterator[ClientSecretEntry]:
    """Convert a secret: its hash in a dump of the database, or the secret itself."""
    expires = fields.take("clientsecretexpiresat", integer, 0)
    if is_public:
        fields.drop("a public client has no secret", "clientsecret")
    secret = fields.take("clientsecret", text, "")
    if secret:
        yield ClientSecretEntry(
            id=derive_id(tenant, "client_secret", client_id),
            client=client_id,
            secret_hash=_hash(secret),
            description="From Hydra.",
            valid_until=epoch_seconds(expires) if expires else None,
        )


def _hash(secret: str) -> str:
    if not secret.startswith("$"):
        return plain_client_secret(secret)
    try:
        return client_secret_hash(secret)
    except ConversionError as error:
        message = f"client_secret {error}"
        raise ConversionError(message) from None


def _registrations(fields: Fields, client_id: str) -> Iterator[ClientRegistrationEntry]:
    contacts = fields.take("contacts", text_list, ())
    shown = {name: fields.take(normalized(name), text, "") for name in _SHOWN}
    given = {name: uri for name, uri in shown.items() if uri}
    if contacts or given:
        yield ClientRegistrationEntry.model_validate(
            {"client": client_id, "source": "manual", "contacts": contacts, **given}
        )
