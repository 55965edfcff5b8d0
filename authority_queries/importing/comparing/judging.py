"""Finds the rule that explains a difference."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from authority_queries.credentials.passwords import password_needs_rehash
from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.importing.comparing.rows import ReadBack, RowKey
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
        "last_sequence",
        "used",
        "used_at",
        "failed_attempts",
    }
)
# Pruning deletes rows of these kinds some time after they have expired.
# The import makes rows of these kinds if the source has none.
_SET_KINDS: Final = frozenset({"tenant", "revocation_sequence", "license_usage_total"})
_PRUNED_KINDS: Final = frozenset(
    {"authorization", "one_time_token", "revocation", "session", "token", "user_role"}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Finds the rule that explains a difference.

    - `now`: the time of the comparison.
    - `in_use_since`: when the last import had ended, if this authority has been in use
      since. None: nothing that happened here is explained.
    - `refused`: the collections and ids of documents that the import refused.
    """

    now: datetime
    in_use_since: datetime | None = None
    refused: Container[tuple[str, str]] = frozenset()

    def explain_field(
        self, field: str, entry: AnyEntry, here: ReadBack, document: tuple[str, str]
    ) -> RuleName | None:
        """Return the rule that explains why this field differs, or None."""
        case = Case(field=field, entry=entry, here=here, in_use_since=self.in_use_since)
        if document in self.refused:
            return "refused by the import"
        for name, explains in _FIELD_RULES.items():
            if explains(case):
                return name
        return None

    def explain_missing(
        self, entry: AnyEntry, document: tuple[str, str]
    ) -> RuleName | None:
        """Return the rule that explains why a row of the source is not here."""
        if document in self.refused:
            return "refused by the import"
        return self._expired(entry.kind, getattr(entry, "expires_at", None))

    def explain_extra(
        self, kind: str, row: RowKey, *, is_system: bool
    ) -> RuleName | None:
        """Return the rule that explains why a row is here and not in the source."""
        if is_system:
            return "row of the system"
        if kind in _SET_KINDS:
            return "set by the import"
        if self.in_use_since is not None and row.created_at > self.in_use_since:
            return "created here"
        return self._expired(kind, row.expires_at)

    def _expired(self, kind: str, expires_at: datetime | None) -> RuleName | None:
        if kind not in _PRUNED_KINDS or expires_at is None:
            return None
        return "expired" if expires_at <= self.now else None


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
_FIELD_RULES: Final[Mapping[RuleName, Callable[[Case], bool]]] = {
    "set by the import": _is_filled,
    "row of the system": _is_of_system,
    "time precision": _is_near,
    "case of names": _is_same_name,
    "another salt": _is_of_same_secret,
    "password hashed again": _is_hashed_again,
    "unknown user of a log": _is_of_lost_user,
    "tokens of the source": _is_accepting,
    "changed here": _is_changed,
    "used here": _is_used,
}
