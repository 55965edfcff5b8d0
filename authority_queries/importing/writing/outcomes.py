"""The outcomes of the documents of a batch."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

# The name of a field, and why it was dropped.
DroppedField: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDocument:
    """A document that was not imported, and why. No value of it is here but its id."""

    id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Counts of documents and, by the kind of their entries, of rows.

    `existing` rows were stored before, with the same key; some of them were `updated`.
    `skipped` documents belong to a tenant that was not asked for. `rowless` documents
    became nothing: all their fields were dropped.
    """

    read: int = 0
    skipped: int = 0
    rowless: int = 0
    created: Counter[str] = field(default_factory=Counter)
    existing: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    dropped: Counter[DroppedField] = field(default_factory=Counter)
    refused: list[RefusedDocument] = field(default_factory=list)

    def add_rows(self, kind: str, *, given: int, created: int) -> None:
        """Count rows of one kind, and those of them that were created."""
        if created:
            self.created[kind] += created
        if given > created:
            self.existing[kind] += given - created

    def refuse(self, document_id: str, reason: str) -> None:
        """Count a refused document."""
        self.refused.append(RefusedDocument(id=document_id, reason=reason))

    def add(self, other: "Outcome") -> None:
        """Add the counts of another outcome."""
        self.read += other.read
        self.skipped += other.skipped
        self.rowless += other.rowless
        self.created.update(other.created)
        self.existing.update(other.existing)
        self.updated.update(other.updated)
        self.dropped.update(other.dropped)
        self.refused.extend(other.refused)
