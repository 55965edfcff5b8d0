"""Finds the rule that explains a difference."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from authority_queries.importing.comparing.cases import FIELD_RULES, Case
from authority_queries.importing.comparing.rows import ReadBack, RowKey
from authority_queries.importing.comparing.rules import RuleName
from authority_queries.importing.entries import AnyEntry

# The import makes rows of these kinds if the source has none.
_SET_KINDS: Final = frozenset({"tenant", "revocation_sequence", "license_usage_total"})
_LOGS: Final = frozenset({"login_attempt", "revocation"})
# Pruning deletes rows of these kinds some time after they have expired.
_PRUNED_KINDS: Final = frozenset(
    {"authorization", "one_time_token", "revocation", "session", "token", "user_role"}
)


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
        for name, explains in FIELD_RULES.items():
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
        if kind in _LOGS:
            return "logged here"
        if self.in_use_since is not None and row.created_at > self.in_use_since:
            return "created here"
        return self._expired(kind, row.expires_at)

    def _expired(self, kind: str, expires_at: datetime | None) -> RuleName | None:
        if kind not in _PRUNED_KINDS or expires_at is None:
            return None
        return "expired" if expires_at <= self.now else None
