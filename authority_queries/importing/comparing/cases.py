"""The rules that explain why a field differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from authority_queries.credentials.passwords import password_needs_rehash
from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.importing.comparing.rows import ReadBack
from authority_queries.importing.comparing.rules import RuleName
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.entries.proofs import ProvenEntry
from authority_queries.names import username_key

_MILLISECOND: Final = timedelta(milliseconds=1)
# Fields that have a value here if the source has none: any one, or that of a column.
_ANY_VALUE: Final = frozenset({"created_at", "tokens_expire_at"})
_COPIED: Final = {
    "updated_at": "created_at",
    "authenticated_at": "created_at",
    "valid_from": "created_at",
    "last_used_at": "confirmed_at",
}
_USE_TIMES: Final = (
    "redeemed_at",
    "revoked_at",
    "used_at",
    "last_used_at",
    "updated_at",
)
_USE_FIELDS: Final = frozenset(
    {
        *_USE_TIMES,
        "revocation_reason",
        "redemption_hash",
        "last_used_step",
        "sign_count",
        "backed_up",
        "clone_suspected_at",
        "code_hashes",
        "holder",
        "leased_until",
        "tokens_valid_after",
        "metadata_fetched_at",
        "used",
        "used_at",
        "failed_attempts",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A field that differs: its entry, its row here, and both values."""

    field: str
    entry: AnyEntry
    here: ReadBack
    in_use_since: datetime | None

    @property
    def expected(self) -> object:
        """The value in the source, or None."""
        return getattr(self.entry, self.field, None)

    @property
    def found(self) -> object:
        """The value here, or None."""
        return self.here.value(self.field)


def _is_filled(case: Case) -> bool:
    if case.expected is not None:
        return False
    if case.field == "last_used_step":
        return case.found == 0
    if case.field in _ANY_VALUE:
        return True
    if case.field == "redemption_hash":  # no request has it
        return getattr(case.entry, "redeemed_at", None) is not None
    origin = _COPIED.get(case.field)
    return origin is not None and case.found == case.here.value(origin)


def _is_of_system(case: Case) -> bool:
    return case.here.is_of_system


def _is_near(case: Case) -> bool:
    expected, found = case.expected, case.found
    return (
        isinstance(expected, datetime)
        and isinstance(found, datetime)
        and abs(expected - found) < _MILLISECOND
    )


def _is_of_lost_user(case: Case) -> bool:
    return (
        case.entry.kind == "login_attempt"
        and case.field == "user"
        and case.found is None
    )


def _is_accepting(case: Case) -> bool:
    return (
        case.entry.kind == "tenant"
        and case.field in ("foreign_tokens_until", "updated_at")
        and case.here.moment("foreign_tokens_until") is not None
    )


def _is_ahead(case: Case) -> bool:
    """Whether the feed has gone on here."""
    before = getattr(case.entry, "last_sequence", None)
    after = case.here.value("last_sequence")
    return (
        case.entry.kind == "revocation_sequence"
        and case.field in ("last_sequence", "updated_at")
        and isinstance(before, int)
        and isinstance(after, int)
        and after > before
    )


def _is_used(case: Case) -> bool:
    return case.field in _USE_FIELDS and any(
        _is_since(case, column) for column in _USE_TIMES
    )


def _is_since(case: Case, column: str) -> bool:
    """Whether a time of the row is later than the import, and use explains it."""
    time, since = case.here.moment(column), case.in_use_since
    return time is not None and since is not None and time > since


def _is_of_same_secret(case: Case) -> bool:
    return isinstance(case.entry, ProvenEntry) and case.entry.proves(
        case.field, case.found
    )


def _is_hashed_again(case: Case) -> bool:
    expected, found = case.expected, case.found
    return (
        case.field == "password_hash"
        and isinstance(expected, str)
        and isinstance(found, str)
        and _is_changed(case)
        and password_needs_rehash(expected)
        and not password_needs_rehash(found)
    )


def _is_same_name(case: Case) -> bool:
    expected, found = case.expected, case.found
    if not (isinstance(expected, str) and isinstance(found, str)):
        return False
    if case.field == "email":
        return _folded(expected) == _folded(found)
    if case.field != "username":
        return False
    try:
        return username_key(expected) == username_key(found)
    except InvalidArgumentError:
        return False


def _folded(email: str) -> bytes:
    """Return an address as users.email_key has it: ASCII letters in lower case."""
    return email.encode("utf-8", "surrogatepass").lower()


def _is_changed(case: Case) -> bool:
    return case.here.is_updated and _is_since(case, "updated_at")


# The first one that explains a difference is its rule.
FIELD_RULES: Final[Mapping[RuleName, Callable[[Case], bool]]] = {
    "set by the import": _is_filled,
    "row of the system": _is_of_system,
    "time precision": _is_near,
    "case of names": _is_same_name,
    "another salt": _is_of_same_secret,
    "logged here": _is_ahead,
    "password hashed again": _is_hashed_again,
    "unknown user of a log": _is_of_lost_user,
    "tokens of the source": _is_accepting,
    "changed here": _is_changed,
    "used here": _is_used,
}
