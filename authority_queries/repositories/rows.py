"""The rows that calls with many rows take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal
from uuid import UUID

from authority_queries.engine.checks import moment, one_of, optional
from authority_queries.engine.runtime import JsonArray, JsonObject
from authority_queries.names import check_email, lookup_key, username_key
from authority_queries.queries import grants, login_attempts, tokens, users
from authority_queries.records import UserStatus
from authority_queries.repositories.arguments import (
    check_digest,
    check_host,
    check_password_hash,
    check_positive,
    check_token_hash,
)

# The checks of the calls with one row also check each of many rows.
_issue: Final = grants._issue_to_client_takes
_record: Final = login_attempts._record_takes
_create_token: Final = tokens._create_takes
_create_user: Final = users._create_takes
_outcome: Final = one_of("failed", "succeeded")
_type: Final = one_of("access", "refresh")
_moment_or_none: Final = optional(moment)
_NO_OBJECT: Final[JsonObject] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTokenRequest:
    """A token for `store.grants.issue_many`: the arguments of `issue_to_client`."""

    token_hash: bytes = field(repr=False)
    client_id: str
    lifetime: timedelta
    service_account_id: UUID | None = None
    scopes: Sequence[str] = ()
    resources: Sequence[str] = ()
    authorization_details: JsonArray = ()
    cnf_jkt: str | None = None
    cnf_x5t_s256: str | None = None
    payload: bytes | None = field(default=None, repr=False)
    properties: JsonObject | None = None

    def sent(self) -> Mapping[str, object]:
        """Return the values that are sent. Raises InvalidArgumentError."""
        given = {
            "token_hash": check_digest("token_hash", self.token_hash),
            "client_id": self.client_id,
            "service_account_id": self.service_account_id,
            "scopes": self.scopes,
            "resources": self.resources,
            "authorization_details": self.authorization_details,
            "cnf_jkt": self.cnf_jkt,
            "cnf_x5t_s256": self.cnf_x5t_s256,
            "payload": self.payload,
            "properties": _NO_OBJECT if self.properties is None else self.properties,
            "lifetime": check_positive("lifetime", self.lifetime),
        }
        return _issue.sent(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLoginAttempt:
    """A sign-in attempt for `store.login_attempts.record_many`.

    The fields are the arguments of `record`. `created_at` is the time of the attempt.
    None and a time in the future mean now.
    """

    username: str
    outcome: Literal["failed", "succeeded"]
    user_id: UUID | None = None
    client_id: str | None = None
    address: IPv4Address | IPv6Address | None = None
    reason: str | None = None
    correlation_id: str | None = None
    created_at: datetime | None = None

    def sent(self) -> Mapping[str, object]:
        """Return the values that are sent. Raises InvalidArgumentError."""
        given = {
            "username_key": lookup_key(self.username),
            "user_id": self.user_id,
            "client_id": self.client_id,
            "address": check_host("address", self.address),
            "outcome": _outcome("outcome", self.outcome),
            "reason": self.reason,
            "correlation_id": self.correlation_id,
        }
        moment_sent = _moment_or_none("created_at", self.created_at)
        return _record.sent(given) | {"created_at": moment_sent}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedToken:
    """A token of another store for `store.imports.import_tokens`.

    The fields are the arguments of `store.tokens.create`. `client_uuid` is `Client.id`.
    `created_at` is the time of the issue. None and a time in the future mean now.
    `authenticated_at` is the time of the sign-in. None means `created_at`.
    """

    type: Literal["access", "refresh"]
    token_hash: bytes = field(repr=False)
    client_uuid: UUID
    expires_at: datetime
    user_id: UUID | None = None
    service_account_id: UUID | None = None
    authorization_id: UUID | None = None
    scopes: Sequence[str] = ()
    resources: Sequence[str] = ()
    authorization_details: JsonArray = ()
    cnf_jkt: str | None = None
    cnf_x5t_s256: str | None = None
    payload: bytes | None = field(default=None, repr=False)
    properties: JsonObject | None = None
    authenticated_at: datetime | None = None
    created_at: datetime | None = None

    def sent(self) -> Mapping[str, object]:
        """Return the values that are sent. Raises InvalidArgumentError."""
        given = {
            "type": _type("type", self.type),
            "token_hash": check_token_hash("token_hash", self.token_hash),
            "client_uuid": self.client_uuid,
            "user_id": self.user_id,
            "service_account_id": self.service_account_id,
            "authorization_id": self.authorization_id,
            "scopes": self.scopes,
            "resources": self.resources,
            "authorization_details": self.authorization_details,
            "cnf_jkt": self.cnf_jkt,
            "cnf_x5t_s256": self.cnf_x5t_s256,
            "payload": self.payload,
            "properties": _NO_OBJECT if self.properties is None else self.properties,
            "authenticated_at": self.authenticated_at,
        }
        return _create_token.sent(given) | {
            "expires_at": moment("expires_at", self.expires_at),
            "created_at": _moment_or_none("created_at", self.created_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedUser:
    """A user of another system for `store.imports.import_users`.

    The fields are the arguments of `store.users.create`. `subject_id` is the `sub`, by
    which a repeated import recognizes the user. `created_at` is the time when the
    account was created. None and a time in the future mean now.
    """

    subject_id: str
    username: str
    email: str | None = None
    email_verified: bool = False
    display_name: str = ""
    password_hash: str | None = field(default=None, repr=False)
    status: UserStatus = "active"
    attributes: JsonObject | None = None
    created_at: datetime | None = None

    def sent(self) -> Mapping[str, object]:
        """Return the values that are sent. Raises InvalidArgumentError."""
        given = {
            "subject_id": self.subject_id,
            "username": self.username,
            "username_key": username_key(self.username),
            "email": check_email(self.email),
            "email_verified": self.email_verified,
            "display_name": self.display_name,
            "password_hash": check_password_hash("password_hash", self.password_hash),
            "status": self.status,
            "attributes": _NO_OBJECT if self.attributes is None else self.attributes,
        }
        moment_sent = _moment_or_none("created_at", self.created_at)
        return _create_user.sent(given) | {"created_at": moment_sent}
