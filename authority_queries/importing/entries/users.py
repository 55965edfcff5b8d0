"""Users, and how they sign in."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field

from authority_queries.importing.entries.base import (
    ChangedEntry,
    DatedEntry,
    Empty,
    Hidden,
    JsonObject,
    Moment,
    Names,
)
from authority_queries.importing.entries.proofs import ProvenEntry
from authority_queries.records import TotpCredentialAlgorithm, UserStatus


class UserEntry(ProvenEntry, ChangedEntry):
    """A user. Its key is `subject_id`, the `sub` of the other store."""

    kind: Literal["user"] = "user"
    subject_id: str
    username: str
    email: str | None = None
    email_verified: bool = False
    display_name: str = ""
    password_hash: str | None = Field(default=None, repr=False)
    status: UserStatus = "active"
    tokens_valid_after: Moment | None = None
    attributes: JsonObject = Empty


class UserRoleEntry(DatedEntry):
    """A role of a user. `user` is a subject_id, `role` the name of a role."""

    kind: Literal["user_role"] = "user_role"
    user: str
    role: str
    granted_by: str | None = None
    expires_at: Moment | None = None


class UserIdentityEntry(DatedEntry):
    """An account of a user at another provider. `user` is a subject_id."""

    kind: Literal["user_identity"] = "user_identity"
    issuer: str
    subject: str
    user: str
    profile: JsonObject = Empty
    last_used_at: Moment | None = None
    updated_at: Moment | None = None


class WebauthnCredentialEntry(DatedEntry):
    """A passkey of a user. `user` is a subject_id. `public_key` is a COSE key."""

    kind: Literal["webauthn_credential"] = "webauthn_credential"
    id: UUID | None = None
    user: str
    credential_id: bytes
    user_handle: bytes
    public_key: bytes
    sign_count: int = 0
    aaguid: UUID = UUID(int=0)
    transports: Names = ()
    discoverable: bool | None = None
    backup_eligible: bool = False
    backed_up: bool = False
    uv_initialized: bool = False
    name: str = ""
    clone_suspected_at: Moment | None = None
    last_used_at: Moment | None = None


class TotpCredentialEntry(ProvenEntry, DatedEntry):
    """A TOTP secret of a user, encrypted under a `Keyring`. `user` is a subject_id."""

    kind: Literal["totp_credential"] = "totp_credential"
    id: UUID
    user: str
    secret_ciphertext: bytes = Hidden
    encryption_key_id: str
    algorithm: TotpCredentialAlgorithm = "SHA1"
    digits: int = 6
    period: timedelta = timedelta(seconds=30)
    name: str = ""
    pending_until: Moment | None = None
    confirmed_at: Moment | None = None
    last_used_step: int | None = None
    last_used_at: Moment | None = None


class RecoveryCodesEntry(DatedEntry):
    """The hashes of a user's recovery codes. `user` is a subject_id."""

    kind: Literal["recovery_codes"] = "recovery_codes"
    user: str
    code_hashes: tuple[bytes, ...] = Hidden
    last_used_at: Moment | None = None
