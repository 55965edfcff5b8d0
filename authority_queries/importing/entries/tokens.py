"""Consents, families of tokens, and tokens."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from authority_queries.importing.entries.base import (
    ChangedEntry,
    DatedEntry,
    Empty,
    Hidden,
    JsonArray,
    JsonObject,
    Moment,
    Names,
)
from authority_queries.records import TokenType


class ConsentEntry(ChangedEntry):
    """What a user allowed a client. `user` is a subject_id, `client` a client_id."""

    kind: Literal["consent"] = "consent"
    user: str
    client: str
    scopes: Names
    resources: Names = ()
    authorization_details: JsonArray = ()
    properties: JsonObject = Empty
    revoked_at: Moment | None = None
    revocation_reason: str | None = None


class AuthorizationEntry(DatedEntry):
    """A family of tokens: one grant, and all tokens that came from it.

    `client` is a client_id, `user` a subject_id, `service_account` an account_id,
    `consent` the `id` of a consent, `session` the `id` of a session.
    """

    kind: Literal["authorization"] = "authorization"
    id: UUID
    client: str
    user: str | None = None
    service_account: str | None = None
    consent: UUID | None = None
    session: UUID | None = None
    ends_with_session: bool = False
    scopes: Names = ()
    resources: Names = ()
    authorization_details: JsonArray = ()
    acr: str | None = None
    amr: Names | None = None
    properties: JsonObject = Empty
    expires_at: Moment | None = None
    tokens_expire_at: Moment | None = None
    revoked_at: Moment | None = None
    revocation_reason: str | None = None
    updated_at: Moment | None = None


class TokenEntry(DatedEntry):
    """A token. Its key is `token_hash`.

    That is `tag_foreign_hash` of the SHA-256 of its string. A token that this store
    issued has the bare SHA-256 instead. Only a tagged hash is found by a string of the
    other store, and only while the tenant accepts these.
    `client` is a client_id, `user` a subject_id, `service_account` an account_id,
    `authorization` and `subject_authorization` the `id` of a family.
    """

    kind: Literal["token"] = "token"
    id: UUID | None = None
    type: TokenType
    token_hash: bytes = Hidden
    client: str
    user: str | None = None
    service_account: str | None = None
    authorization: UUID | None = None
    parent: UUID | None = None
    subject_authorization: UUID | None = None
    exchanged_from: tuple[UUID, ...] | None = None
    actor: JsonObject | None = None
    scopes: Names = ()
    resources: Names = ()
    authorization_details: JsonArray = ()
    code_challenge: str | None = None
    redirect_uri: str | None = None
    nonce: str | None = None
    cnf_jkt: str | None = None
    cnf_x5t_s256: str | None = None
    payload: bytes | None = Field(default=None, repr=False)
    properties: JsonObject = Empty
    expires_at: Moment
    redeemed_at: Moment | None = None
    redemption_hash: bytes | None = Field(default=None, repr=False)
    revoked_at: Moment | None = None
    revocation_reason: str | None = None
    authenticated_at: Moment | None = None
