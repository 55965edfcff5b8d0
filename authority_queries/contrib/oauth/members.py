"""Reads members of client metadata that a stranger wrote. Null counts as omitted.

Each function raises ProtocolError for a value of another type.
"""

import re
from collections.abc import Sequence
from typing import Final

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.jose import PRIVATE_MEMBERS
from authority_queries.contrib.oauth.registered_uris import is_public_uri
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.engine.json_types import JsonObject

# They are refused, because a client that requests one of them relies on it.
_UNSUPPORTED: Final = (
    "id_token_encrypted_response_alg",
    "introspection_signed_response_alg",
    "authorization_signed_response_alg",
    "request_object_signing_alg",
    "sector_identifier_uri",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
)
# Control characters, line ends, and characters that change the direction of a text.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def read_text(document: JsonObject, name: str) -> str | None:
    """Return a text, or None."""
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(name)
    return value


def read_name(document: JsonObject) -> str:
    """Return the name of a client for pages, perhaps empty."""
    name = read_text(document, "client_name") or ""
    if _UNPRINTABLE.search(name):
        raise invalid("client_name")
    return name


def read_public_uri(document: JsonObject, name: str) -> str | None:
    """Return a URI that this server or its pages may request, or None."""
    uri = read_text(document, name)
    if uri is not None and not is_public_uri(uri):
        raise invalid(name)
    return uri


def read_flag(document: JsonObject, name: str) -> bool:
    """Return a truth value, or False."""
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(name)
    return value is True


def read_texts(document: JsonObject, name: str) -> Sequence[str]:
    """Return a list of texts, perhaps empty."""
    values = document.get(name)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise invalid(name)
    return [str(value) for value in values]


def read_key_set(document: JsonObject) -> JsonObject | None:
    """Return the keys of a client, which must be public, or None."""
    keys = document.get("jwks")
    if keys is None:
        return None
    if not isinstance(keys, dict) or not _is_public(keys):
        raise invalid("jwks")
    return keys


def read_grant_types(document: JsonObject, allowed: Sequence[str]) -> Sequence[str]:
    """Return the grants of a client. Each must be allowed."""
    found = read_texts(document, "grant_types") or ["authorization_code"]
    if not set(found) <= set(allowed):
        raise invalid("grant_types")
    return found


def read_response_types(
    document: JsonObject, grant_types: Sequence[str]
) -> Sequence[str]:
    """Return the response types that the grants use (RFC 7591 section 2.1)."""
    if "authorization_code" not in grant_types:
        return []
    if "code" not in (read_texts(document, "response_types") or ["code"]):
        raise invalid("response_types")
    return ["code"]


def check_supported(document: JsonObject, settings: ProviderSettings) -> None:
    """Refuse members that the issuer does not support."""
    alg = read_text(document, "id_token_signed_response_alg")
    if alg not in {None, settings.signing_alg}:
        raise invalid("id_token_signed_response_alg")
    if read_text(document, "subject_type") not in {None, "public"}:
        raise invalid("subject_type")
    for name in _UNSUPPORTED:
        if document.get(name) is not None:
            message = f"{name} is not supported"
            raise ProtocolError("invalid_client_metadata", message)


def invalid(name: str) -> ProtocolError:
    """Return the refusal of a member."""
    return ProtocolError("invalid_client_metadata", f"{name} is not valid")


def _is_public(keys: JsonObject) -> bool:
    """Return whether a JWK set has only public keys (RFC 7517)."""
    listed = keys.get("keys")
    return isinstance(listed, list) and all(
        isinstance(key, dict) and PRIVATE_MEMBERS.isdisjoint(key) for key in listed
    )
