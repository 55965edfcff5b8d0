"""Sessions of browsers, and one-time tokens."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field

from authority_queries.importing.entries.base import (
    DatedEntry,
    Empty,
    Hidden,
    JsonObject,
    Moment,
    Names,
)
from authority_queries.records import OneTimeTokenPurpose


class SessionEntry(DatedEntry):
    """A session of a browser. `user` is a subject_id.

    `cookie_hash` is the SHA-256 of the cookie, `sid` the claim of ID tokens.
    """

    kind: Literal["session"] = "session"
    id: UUID
    sid: UUID
    cookie_hash: bytes = Hidden
    user: str
    acr: str | None = None
    amr: Names | None = None
    authenticated_at: Moment
    idle_timeout: timedelta
    last_used_at: Moment
    expires_at: Moment
    address: str | None = None
    user_agent: str | None = None
    properties: JsonObject = Empty
    revoked_at: Moment | None = None
    revocation_reason: str | None = None


class SessionClientEntry(DatedEntry):
    """A client of a session. `session` is its `id`, `client` a client_id."""

    kind: Literal["session_client"] = "session_client"
    session: UUID
    client: str


class OneTimeTokenEntry(DatedEntry):
    """A link or a code that was sent to an address. `user` is a subject_id.

    Without a `user` the recipient is no user yet. `token_hash` is the SHA-256 of the
    link's token, `code_hash` that of the tenant, the purpose and the code.
    """

    kind: Literal["one_time_token"] = "one_time_token"
    id: UUID
    purpose: OneTimeTokenPurpose
    user: str | None = None
    email: str
    token_hash: bytes | None = Field(default=None, repr=False)
    code_hash: bytes | None = Field(default=None, repr=False)
    failed_attempts: int = 0
    max_attempts: int = 5
    properties: JsonObject = Empty
    expires_at: Moment
    used_at: Moment | None = None
