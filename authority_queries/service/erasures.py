"""The report of an erasure: how many rows went from each table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from authority_queries.service.retention import StepOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """The progress of one table.

    `rows` counts deleted rows, and rows whose columns about the user were cleared.
    `batches` counts committed batches. `outcome` is that of the run so far: `done` once
    no row is left in any table.
    """

    step: str
    rows: int = 0
    batches: int = 0
    seconds: float = 0.0
    outcome: StepOutcome = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReport:
    """What an erasure did.

    `tables` are in the order in which rows were erased. `is_complete` is true when a
    last batch has looked at every table and found no row. `traces` is the number of
    rows of others that still name the user, by table.column: the store cannot know what
    such a row means. It is empty for a tenant, and when the run did not search.
    """

    tables: Sequence[TableReport]
    is_complete: bool
    traces: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of erased rows."""
        return sum(table.rows for table in self.tables)
