"""Applications of django-oauth-toolkit."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, Literal

from pydantic import JsonValue

from authority_queries.credentials.password_hashes import encode
from authority_queries.importing.conversions import (
    ConversionError,
    client_secret_hash,
    moment,
    plain_client_secret,
    sha256,
    text,
    text_list,
)
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    ClientEntry,
    ClientRegistrationEntry,
    ClientSecretEntry,
)
from authority_queries.importing.sources.fields import Fields
from authority_queries.importing.sources.redirect_uris import exact_uris, is_native
from authority_queries.records import ClientRegistrationSource

# The grant types and response types of an application's one grant type.
_GRANTS: Final = {
    "authorization-code": (("authorization_code", "refresh_token"), ("code",)),
    "implicit": (("implicit",), ("token", "id_token", "id_token token")),
    "password": (("password", "refresh_token"), ()),
    "client-credentials": (("client_credentials",), ()),
    "openid-hybrid": (
        ("authorization_code", "implicit", "refresh_token"),
        ("code id_token", "code token", "code id_token token"),
    ),
    "urn:ietf:params:oauth:grant-type:device_code": (
        ("urn:ietf:params:oauth:grant-type:device_code", "refresh_token"),
        (),
    ),
}
_SOURCES: Final[dict[str, ClientRegistrationSource]] = {
    "manual": "manual",
    "dcr": "dynamic",
    "cimd": "metadata_document",
}
# A secret that the toolkit generated has 128 of 62 characters. People choose shorter.
_LEAST_RANDOM: Final = 64
_words: Final = partial(text_list, separator=" ")


def convert_application(fields: Fields, *, tenant: str) -> Iterator[AnyEntry]:
    """Convert an application to a client, its secret and its registration.

    Columns without a place here are properties, such as the algorithm of ID tokens.
    """
    key = fields.need("id", text)
    client_id = fields.need("clientid", text)
    client_type = _client_type(fields.need("clienttype", text))
    grants, responses = _grants(fields.need("authorizationgranttype", text))
    redirects, _ = exact_uris(
        fields.take("redirecturis", _words, ()), "redirect_uris", fields.dropped
    )
    secret = _secret(fields, client_type)
    made, changed = (
        fields.take("created", moment, None),
        fields.take("updated", moment, None),
    )
    source = fields.take("registrationsource", _source, None)
    origins: list[JsonValue] = [*fields.take("allowedorigins", _words, ())]
    yield ClientEntry(
        client_id=client_id,
        client_type=client_type,
        application_type="native" if _is_native(client_type, redirects) else "web",
        consent_type="implicit" if fields.flag("skipauthorization") else "explicit",
        display_name=fields.take("name", text, ""),
        redirect_uris=redirects,
        post_logout_redirect_uris=fields.take("postlogoutredirecturis", _words, ()),
        backchannel_logout_uri=fields.take("backchannellogouturi", _uri, None),
        backchannel_logout_session_required=fields.flag(
            "backchannellogoutsessionrequired"
        ),
        token_endpoint_auth_method="none" if client_type == "public" else None,
        grant_types=grants,
        response_types=responses,
        metadata_valid_until=fields.take("cimdexpiresat", moment, None),
        created_at=made,
        updated_at=changed,
        properties=fields.kept_in({"allowed_origins": origins} if origins else {}),
    )
    if secret is not None:
        yield ClientSecretEntry(
            id=derive_id(tenant, "client_secret", key),
            client=client_id,
            secret_hash=secret,
            created_at=made,
            valid_from=made,
        )
    if source is not None and source != "manual":
        yield ClientRegistrationEntry(
            client=client_id,
            source=source,
            metadata_fetched_at=changed if source == "metadata_document" else None,
            created_at=made,
        )


def _client_type(found: str) -> Literal["confidential", "public"]:
    match found:
        case "confidential" | "public":
            return found
    message = "client_type is neither confidential nor public"
    raise ConversionError(message)


def _grants(name: str) -> tuple[Sequence[str], Sequence[str]]:
    if name not in _GRANTS:
        message = "authorization_grant_type is none of the toolkit's"
        raise ConversionError(message)
    return _GRANTS[name]


def _source(value: object) -> ClientRegistrationSource:
    found = text(value)
    if found not in _SOURCES:
        message = "is none of the toolkit's"
        raise ConversionError(message)
    return _SOURCES[found]


def _secret(fields: Fields, client_type: str) -> str | None:
    fields.drop("every secret is hashed here", "hashclientsecret")
    if client_type == "public":
        fields.drop("a public client has no secret", "clientsecret")
    return fields.attempt("clientsecret", _secret_hash, None)


def _secret_hash(value: object) -> str | None:
    secret = text(value)
    if not secret:
        return None
    if "$" in secret:  # no character of a generated secret
        return client_secret_hash(secret)
    if len(secret) >= _LEAST_RANDOM:
        return f"$sha256${encode(sha256(secret))}"
    return plain_client_secret(secret)


def _uri(value: object) -> str | None:
    return text(value) or None


def _is_native(client_type: str, redirects: Sequence[str]) -> bool:
    return client_type == "public" and is_native(redirects)
