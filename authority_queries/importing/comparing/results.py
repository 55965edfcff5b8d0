"""The results of a comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from authority_queries.importing.comparing.rules import RULES, RuleName

What: TypeAlias = Literal["missing here", "only here", "differs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One difference. No text of it is a secret.

    - `document`: the collection and the id of the document in the source, or the
      primary key of a row here that the source does not have.
    - `source`, `here`: the values, or what of them can be shown.
    """

    tenant: str
    document: str
    source: str = ""
    here: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All differences of one sort: of a field of a kind, or of whole rows.

    `rule` None means that no rule explains them. `examples` are a few of `count`.
    """

    what: What
    kind: str
    field: str | None
    rule: RuleName | None
    count: int
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionCount:
    """The documents of one tenant in a collection.

    - `refused`: documents that cannot become rows. An import refuses them too.
    - `compared`: documents of which every field was compared.
    """

    collection: str
    tenant: str
    documents: int
    refused: int
    compared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """The rows of one kind and tenant: in the source, without repetitions, and here."""

    tenant: str
    kind: str
    source: int
    here: int
    missing: int
    only_here: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why fields were dropped, or documents refused, and how many."""

    collection: str
    field: str | None
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailure:
    """A password or token that does not verify here: its line in the file, and why."""

    line: int
    tenant: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Known passwords or tokens of the source that were tried here."""

    what: Literal["passwords", "tokens"]
    tried: int
    verified: int
    failures: Sequence[CheckFailure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The result of a comparison. `is_same` decides the exit code."""

    source: str
    database: str
    begun_at: datetime
    seconds: float
    sample: int | None
    seed: str
    in_use_since: datetime | None
    collections: Sequence[CollectionCount]
    rows: Sequence[RowCount]
    findings: Sequence[Finding]
    refused: Sequence[Reason]
    dropped: Sequence[Reason]
    checks: Sequence[CheckReport]

    @property
    def unexplained(self) -> int:
        """How many differences no rule explains."""
        return sum(each.count for each in self.findings if each.rule is None)

    @property
    def is_same(self) -> bool:
        """Whether rules explain all differences, and all checks verified."""
        return self.unexplained == 0 and not any(each.failures for each in self.checks)

    def as_json(self) -> Mapping[str, object]:
        """Return the comparison for json.dumps, with the texts of the rules."""
        used = {each.rule for each in self.findings if each.rule is not None}
        return asdict(self) | {
            "begun_at": self.begun_at.isoformat(),
            "in_use_since": self.in_use_since and self.in_use_since.isoformat(),
            "is_same": self.is_same,
            "unexplained": self.unexplained,
            "rules": {name: text for name, text in RULES.items() if name in used},
        }
