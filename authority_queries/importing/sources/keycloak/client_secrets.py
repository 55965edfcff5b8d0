"""Secrets and keys of Keycloak's clients."""

import re
from collections.abc import Iterator
from typing import Final

from authority_queries.importing.conversions import (
    boolean,
    epoch_seconds,
    integer,
    json_object,
    plain_client_secret,
    text,
)
from authority_queries.importing.documents import Dropped, derive_id
from authority_queries.importing.entries import ClientSecretEntry
from authority_queries.importing.sources.fields import Fields

_MASK: Final = re.compile(r"\*+")
_VAULT: Final = re.compile(r"\$\{vault\..*\}")


def secret_entries(
    fields: Fields, attributes: Fields, *, code: str, client_id: str, is_public: bool
) -> Iterator[ClientSecretEntry]:
    """Convert the secret of a client, and the one before it, if that is still valid."""
    attributes.drop("computed from the time", "client.secret.remaining.expiration.time")
    given = (
        ("secret", fields, "client.secret"),
        ("client.secret.rotated", attributes, "client.secret.rotated"),
    )
    for name, holder, prefix in given:
        secret = holder.take(name, text, None)
        created = attributes.take(f"{prefix}.creation.time", integer, None)
        expires = attributes.take(f"{prefix}.expiration.time", integer, None)
        if secret is None:
            continue
        if reason := _why_not(secret, is_public=is_public):
            holder.dropped.append(Dropped(field=name, reason=reason))
            continue
        moment = epoch_seconds(created) if created else None
        yield ClientSecretEntry(
            id=derive_id(code, "client_secret", f"{client_id}\n{name}"),
            client=client_id,
            secret_hash=plain_client_secret(secret),
            description="From Keycloak.",
            valid_from=moment,
            valid_until=epoch_seconds(expires) if expires else None,
            created_at=moment,
        )


def key_fields(attributes: Fields) -> dict[str, object]:
    """Convert the public keys of a client, and where it publishes them."""
    uri = attributes.take("jwks.url", text, None)
    keys = attributes.attempt("jwks.string", json_object, None)
    has_uri = attributes.take("use.jwks.url", boolean, keys is None)
    has_keys = attributes.take("use.jwks.string", boolean, not has_uri)
    if uri and has_uri:
        return {"jwks_uri": uri}
    return {"json_web_key_set": keys} if keys and has_keys else {}


def _why_not(secret: str, *, is_public: bool) -> str | None:
    if is_public:
        return "a public client has no secret"
    if _MASK.fullmatch(secret):
        return "the export hides the secret: export with kc.sh, or set a new one"
    if _VAULT.fullmatch(secret):
        return "the secret is in Keycloak's vault: set it here"
    return None
