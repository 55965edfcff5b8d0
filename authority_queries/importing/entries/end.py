"""The last line of an export."""

from collections.abc import Mapping
from typing import Literal

from authority_queries.importing.entries.base import Entry, Moment


class NotExported(Entry):
    """Rows of a table without a kind, and why they have none.

    `expires_at` is when the last of them expires. None: they have no end.
    """

    tenant: str
    table: str
    rows: int
    expires_at: Moment | None = None
    reason: str


class End(Entry):
    """The last line of an export: a file without it is not whole.

    `entries` is the number of the entries of each kind, in all tenants.
    """

    kind: Literal["end"] = "end"
    entries: Mapping[str, int]
    not_exported: tuple[NotExported, ...] = ()

    @property
    def lines(self) -> int:
        """The number of the lines before."""
        return sum(self.entries.values())
