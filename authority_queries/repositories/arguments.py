"""Checks of arguments beside those of the generated functions."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final, TypeVar
from uuid import UUID

from authority_queries.credentials.client_secrets import is_minted_secret_hash
from authority_queries.credentials.password_hashes import parse_password_hash
from authority_queries.engine.checks import (
    exact_duration,
    int8,
    octets,
    text,
    uuid,
)
from authority_queries.engine.refusals import refusal
from authority_queries.errors import InvalidArgumentError

Host = TypeVar("Host", bound=IPv4Address | IPv6Address | None)
Text = TypeVar("Text", bound=str | None)

MAX_PAGE_SIZE: Final = 1000
# The limit of authority.create_login_attempt_partitions.
MAX_MONTHS_AHEAD: Final = 120
# How long the queries remember a refresh token after it expired.
MAX_LEEWAY: Final = timedelta(hours=24)

_NOTHING: Final = timedelta(0)
_digest: Final = octets(32, 32)
_TAGGED: Final = 33  # octets of the hash of a token of another store
# The format that tokens_code_challenge_check allows.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
# The text form of pg_lsn: a position of PostgreSQL's write-ahead log.
_LSN: Final = re.compile(r"[1-9][0-9]{0,8}:[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")
_text: Final = text()


def check_page_size(page_size: object) -> int:
    """Return a page size from 1 to 1000."""
    return check_within("page_size", page_size, 1, MAX_PAGE_SIZE)


def check_within(name: str, value: object, least: int, most: int) -> int:
    """Return an int from `least` to `most`."""
    number = int8(name, value)
    if not least <= number <= most:
        raise refusal(name, f"must be {least} to {most}")
    return number


def check_positive(name: str, value: object) -> timedelta:
    """Return a duration longer than 0, up to 36,525 days."""
    duration = exact_duration(name, value)
    if duration <= _NOTHING:
        raise refusal(name, "must be longer than 0")
    return duration


def check_optional_positive(name: str, value: object) -> timedelta | None:
    """Return a duration longer than 0, or None."""
    return None if value is None else check_positive(name, value)


def check_not_negative(name: str, value: object) -> timedelta:
    """Return a duration of 0 or longer, up to 36,525 days."""
    duration = exact_duration(name, value)
    if duration < _NOTHING:
        raise refusal(name, "must be 0 or longer")
    return duration


def check_leeway(value: object) -> timedelta:
    """Return a duration of nothing to 24 hours.

    Longer ones could outlast the successor whose use ends the leeway.
    """
    leeway = check_not_negative("leeway", value)
    if leeway > MAX_LEEWAY:
        raise refusal("leeway", "must be 24 hours or shorter")
    return leeway


def check_max_age(value: object) -> timedelta | None:
    """Return the max_age of a request, 0 or longer, or None."""
    return None if value is None else check_not_negative("max_age", value)


def check_acr_values(value: Sequence[str] | None) -> Sequence[str] | None:
    """Return the values of which one must be met, or None: an empty list has none."""
    if value is not None and len(value) == 0:
        raise refusal("acr_values", "must not be empty: pass None to require nothing")
    return value


def check_count(name: str, value: object) -> int:
    """Return an int of 1 or more."""
    return _at_least(1, name, value)


def check_position(name: str, value: object) -> int:
    """Return a position in a feed. 0 precedes the first entry."""
    return _at_least(0, name, value)


def _at_least(least: int, name: str, value: object) -> int:
    number = int8(name, value)
    if number < least:
        raise refusal(name, f"must be {least} or more")
    return number


def check_host(name: str, address: Host) -> Host:
    """Return the address of one host, or None. A prefix length makes it a network."""
    if isinstance(address, IPv4Interface | IPv6Interface):
        raise refusal(name, "must be the address of a host, without a prefix length")
    return address


def check_one_subject(user_id: UUID | None, service_account_id: UUID | None) -> None:
    """Require exactly one of the two kinds of subject."""
    if (user_id is None) == (service_account_id is None):
        message = "pass either user_id or service_account_id"
        raise InvalidArgumentError(message, argument="user_id")


def check_one_sign_in(session_id: object, **claims: object) -> None:
    """Require a session, or what it would say of the user's sign-in, but not both."""
    for name, value in claims.items():
        if session_id is not None and value is not None:
            raise refusal(name, "must be None with a session_id, which has it")


def check_tenant_id(value: object) -> None:
    """Require a UUID. Parsing a str is the caller's task."""
    uuid("tenant_id", value)


# The following checks keep a raw secret, passed instead of its hash, from being sent:
# the server would refuse it, but may log it. A generated function checks the hash that
# it inserts.


def check_digest(name: str, value: object) -> bytes:
    """Return the SHA-256 of a token or key: 32 octets."""
    return _digest(name, value)


def check_token_hash(name: str, value: object) -> bytes:
    """Return the hash of a presented token.

    It has 32 octets, or an octet 0 and 32 octets (`tag_foreign_hash`).
    """
    if isinstance(value, bytes) and len(value) == _TAGGED and value.startswith(b"\0"):
        return value
    return _digest(name, value)


def check_optional_token_hash(name: str, value: object) -> bytes | None:
    """Return the hash of a presented token, or None."""
    return None if value is None else check_token_hash(name, value)


def check_optional_digest(name: str, value: object) -> bytes | None:
    """Return the SHA-256 of a token, or None."""
    return None if value is None else check_digest(name, value)


def check_password_hash(name: str, value: Text) -> Text:
    """Return a hash from `hash_password` or `convert_password_hash`, or None."""
    if value is None or parse_password_hash(value) is not None:
        return value
    message = (
        f"{name} must be a PHC string from hash_password, or a hash from "
        "convert_password_hash"
    )
    raise InvalidArgumentError(message, argument=name)


def check_client_secret_hash(name: str, value: object) -> str:
    """Return a hash from `hash_client_secret`, or one of a password."""
    given = text()(name, value)
    return given if is_minted_secret_hash(given) else check_password_hash(name, given)


def check_code_challenge(value: str | None) -> str | None:
    """Return a PKCE challenge of method S256, or None.

    A verifier of 43 characters has the same shape and passes.
    """
    _check_shape("code_challenge", value, _CHALLENGE.fullmatch, "base64url of SHA-256")
    return value


def _check_shape(
    name: str, value: object, matches: Callable[[str], object], allowed: str
) -> None:
    if value is None or (isinstance(value, str) and matches(value)):
        return
    raise refusal(name, f"must be {allowed}")


def check_lsn(name: str, value: object) -> str:
    """Return a timeline and an LSN, such as 1:0/16B3748."""
    lsn = _text(name, value)
    if not _LSN.fullmatch(lsn):
        raise refusal(name, "must be what get_lsn returned, such as 1:0/16B3748")
    return lsn


def check_optional_lsn(name: str, value: object) -> str | None:
    """Return a timeline and an LSN, or None."""
    return None if value is None else check_lsn(name, value)
