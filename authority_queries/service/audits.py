"""The report of a verification of audit events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias
from uuid import UUID

from authority_queries.engine.checks import octets, uuid
from authority_queries.repositories.arguments import check_count

AuditProblem: TypeAlias = Literal[
    "event_missing",
    "event_inserted",
    "event_changed",
    "chain_missing",
    "chain_changed",
    "link_broken",
    "head_changed",
]
_seal = octets(32, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The newest sealed event of a tenant and month, at some time.

    Kept where the database's superusers cannot write, it proves all events before it.
    Raises InvalidArgumentError.
    """

    tenant_id: UUID
    month: date
    number: int
    seal: bytes

    def __post_init__(self) -> None:
        uuid("tenant_id", self.tenant_id)
        check_count("number", self.number)
        _seal("seal", self.seal)

    def __str__(self) -> str:
        """Return the line that `authority audit verify` prints."""
        return f"{self.tenant_id} {self.month:%Y-%m} {self.number} {self.seal.hex()}"

    @classmethod
    def parse(cls, line: str) -> "AuditHead":
        """Parse such a line. Raises ValueError, InvalidArgumentError."""
        tenant_id, month, number, seal = line.split()
        return cls(
            tenant_id=UUID(tenant_id),
            month=date.fromisoformat(f"{month}-01"),
            number=int(number),
            seal=bytes.fromhex(seal),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What the verification of one chain found.

    `events` counts verified events, and `seal` is that of the newest one. `problem` is
    None for an intact chain. Otherwise event `number` is the first one with a problem:

    - `event_missing`: no event has this number.
    - `event_inserted`: an event more has this number.
    - `event_changed`: the event's seal does not fit the event, or the one before.
    - `chain_missing`: events are sealed, or a head is kept, and there is no chain.
    - `chain_changed`: the head of the chain is not the seal of its last event.
    - `link_broken`: the chain before, or its event that this chain follows, is missing
      or was changed.
    - `head_changed`: the event does not have the seal of the head that you kept.
    """

    tenant_id: UUID
    month: date
    events: int
    seal: bytes | None = None
    problem: AuditProblem | None = None
    number: int | None = None

    @property
    def head(self) -> AuditHead | None:
        """The head of an intact chain with events, to be kept elsewhere."""
        if self.problem is not None or self.seal is None or self.events == 0:
            return None
        return AuditHead(
            tenant_id=self.tenant_id,
            month=self.month,
            number=self.events,
            seal=self.seal,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The reports of all chains of one tenant, oldest first."""

    chains: Sequence[ChainReport]

    @property
    def is_intact(self) -> bool:
        """Whether no chain has a problem."""
        return all(chain.problem is None for chain in self.chains)
