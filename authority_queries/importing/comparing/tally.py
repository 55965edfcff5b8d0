"""Counts what a comparison finds, with a few examples of each sort."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from authority_queries.importing.comparing.results import (
    CollectionCount,
    Example,
    Finding,
    Reason,
    What,
)
from authority_queries.importing.comparing.rules import RuleName
from authority_queries.importing.documents import Document

_MOST_EXAMPLES: Final = 10  # of each sort
_Sort: TypeAlias = tuple[What, str, str | None, RuleName | None]


@dataclass(slots=True)
class _Seen:
    count: int = 0
    examples: list[Example] = field(default_factory=list)


class Tally:
    """The counts of one comparison. Its size does not grow with the rows."""

    def __init__(self) -> None:
        self._found: defaultdict[_Sort, _Seen] = defaultdict(_Seen)
        self._documents: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._compared: Counter[tuple[str, str]] = Counter()
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._dropped: Counter[tuple[str, str, str]] = Counter()

    def add_document(self, collection: str, tenant: str, document: Document) -> None:
        """Count a document, its refusal, and its dropped fields."""
        self._documents[collection, tenant] += 1
        if document.refused is not None:
            self._refused[collection, tenant] += 1
            self._refusals[collection, document.refused] += 1
        for each in document.dropped:
            self._dropped[collection, each.field, each.reason] += 1

    def add_compared(self, collection: str, tenant: str) -> None:
        """Count a document whose fields are compared."""
        self._compared[collection, tenant] += 1

    def add(
        self,
        what: What,
        kind: str,
        example: Example,
        *,
        field: str | None = None,
        rule: RuleName | None = None,
    ) -> None:
        """Count a difference."""
        seen = self._found[what, kind, field, rule]
        seen.count += 1
        if len(seen.examples) < _MOST_EXAMPLES:
            seen.examples.append(example)

    def findings(self) -> Sequence[Finding]:
        """Return the differences, those without a rule first."""
        ordered = sorted(
            self._found.items(),
            key=lambda item: (item[0][3] is not None, *map(str, item[0])),
        )
        return [
            Finding(
                what=what,
                kind=kind,
                field=field,
                rule=rule,
                count=seen.count,
                examples=seen.examples,
            )
            for (what, kind, field, rule), seen in ordered
        ]

    def collections(self) -> Sequence[CollectionCount]:
        """Return the counts of documents, in the order of the source."""
        return [
            CollectionCount(
                collection=collection,
                tenant=tenant,
                documents=count,
                refused=self._refused[collection, tenant],
                compared=self._compared[collection, tenant],
            )
            for (collection, tenant), count in self._documents.items()
        ]

    def refused(self) -> Sequence[Reason]:
        """Return why documents were refused."""
        return [
            Reason(collection=collection, field=None, reason=reason, count=count)
            for (collection, reason), count in self._refusals.items()
        ]

    def dropped(self) -> Sequence[Reason]:
        """Return why fields were dropped."""
        return [
            Reason(collection=collection, field=field, reason=reason, count=count)
            for (collection, field, reason), count in self._dropped.items()
        ]
