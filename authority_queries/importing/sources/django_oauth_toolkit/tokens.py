"""Refresh and access tokens of django-oauth-toolkit."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.importing.conversions import (
    ConversionError,
    hexadecimal,
    moment,
    text,
    text_list,
)
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    AuthorizationEntry,
    TokenEntry,
)
from authority_queries.importing.sources.fields import (
    Fields,
    SkippedError,
    is_resource,
    uuid_of,
)
from authority_queries.importing.sources.openiddict import NEVER
from authority_queries.secrets import tag_foreign_hash
from authority_queries.secrets.foreign_strings import find_foreign

_DIGEST_SIZE: Final = 32
_words: Final = partial(text_list, separator=" ")


def family_id(tenant: str, key: str) -> UUID:
    """Return the id of a family: its token_family, or one for a token without it."""
    return uuid_of(key) or derive_id(tenant, "authorization", f"refresh token {key}")


def convert_family(
    fields: Fields, *, tenant: str, client: str | None
) -> Iterator[AnyEntry]:
    """Convert what the refresh tokens of a family have in common.

    Its scopes are those of all its live refresh tokens. A refresh token has no expiry
    in the database: a setting of the application decides.
    """
    key = fields.need("key", text)
    fields.take("applicationid", text, None)
    yield AuthorizationEntry(
        id=family_id(tenant, key),
        client=_known(client),
        user=fields.need("userid", text),
        scopes=fields.take("scope", scopes_of, ()),
        resources=_resources(fields),
        created_at=fields.take("created", moment, None),
        updated_at=fields.take("updated", moment, None),
        tokens_expire_at=NEVER,
    )


def convert_refresh_token(
    fields: Fields,
    *,
    tenant: str,
    client: str | None,
    scopes: Sequence[str] | None,
    family_lives: bool,
) -> Iterator[AnyEntry]:
    """Convert a refresh token.

    - `scopes`: those of its access token, None without one.
    - `family_lives`: another token of its family is live. The revoked token counts as
      redeemed then: its reuse revokes the family, as in the toolkit.
    """
    key = fields.need("id", text)
    fields.take("accesstokenid", text, None)
    fields.take("applicationid", text, None)
    revoked = fields.take("revoked", moment, None)
    if revoked is not None and not family_lives:
        message = "the token is revoked, and no token of its family is live"
        raise SkippedError(message)
    if revoked is None and scopes is None:
        message = "its access token is gone, so the toolkit refuses it, too"
        raise SkippedError(message)
    made = fields.take("created", moment, None)
    fields.drop("a token does not change", "updated")
    yield TokenEntry(
        type="refresh",
        token_hash=_token_hash(fields),
        client=_known(client),
        user=fields.need("userid", text),
        authorization=family_id(tenant, fields.take("tokenfamily", text, key)),
        scopes=scopes or (),
        resources=_resources(fields),
        created_at=made,
        expires_at=NEVER,
        redeemed_at=revoked,
        properties=fields.kept_in({}),
    )


def convert_access_token(
    fields: Fields, *, client: str | None, family: UUID | None, now: datetime
) -> Iterator[AnyEntry]:
    """Convert an access token.

    - `family`: that of the refresh token which was issued with it, if one was.
    - `now`: an expired token is skipped.
    """
    fields.take("id", text, None)
    fields.take("applicationid", text, None)
    expires_at = fields.need("expires", moment)
    if expires_at <= now:
        message = "the token has expired"
        raise SkippedError(message)
    made = fields.take("created", moment, None)
    fields.drop("a token does not change", "updated")
    fields.drop("ID tokens are not stored", "idtokenid")
    fields.drop("the token that it came from is used up", "sourcerefreshtokenid")
    yield TokenEntry(
        type="access",
        token_hash=_token_hash(fields),
        client=_known(client),
        user=fields.take("userid", text, None),
        authorization=family,
        scopes=fields.take("scope", scopes_of, ()),
        resources=_resources(fields),
        created_at=made,
        expires_at=expires_at,
        properties=fields.kept_in({}),
    )


def scopes_of(value: object) -> tuple[str, ...]:
    """Return the scopes of an access token's column: words."""
    return () if value is None else _words(value)


def _token_hash(fields: Fields) -> bytes:
    """Return the hash of the token, which may be stored only as its checksum."""
    checksum = fields.take("tokenchecksum", _digest, None)
    token = fields.take("token", text, "")
    if token:
        found = find_foreign(token)
        if found is None:
            message = "the token is too short, too long, or no printable ASCII"
            raise SkippedError(message)
        return found
    if checksum is None:
        message = "token and token_checksum are missing"
        raise ConversionError(message)
    return tag_foreign_hash(checksum)


def _digest(value: object) -> bytes:
    return hexadecimal(value, size=_DIGEST_SIZE)


def _resources(fields: Fields) -> tuple[str, ...]:
    found = fields.take("resource", text_list, ())
    others = [name for name in found if not is_resource(name)]
    if others:
        fields.note("resource", "a resource is no absolute URI")
    return tuple(filter(is_resource, found))


def _known(client: str | None) -> str:
    if client is None:
        message = "the token belongs to no application"
        raise ConversionError(message)
    return client
