"""The sums of a run: outcomes of calls, their durations, and violations."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

# So many violations of each kind are reported in full.
TOLD = 3


@dataclass(slots=True)
class Tally:
    """Adds up; the sums of other processes are added to the first one's."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: dict[tuple[str, bool], float] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    details: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)
    sizes: dict[str, Sequence[float]] = field(default_factory=dict)

    def violate(self, rule: str, detail: str) -> None:
        """Record a violation."""
        self.violations[rule] += 1
        if len(self.details[rule]) < TOLD and detail not in self.details[rule]:
            self.details[rule].append(detail)

    def took(self, kind: str, seconds: float, *, in_storm: bool) -> None:
        """Keep the slowest call of a kind, in calm weather and in a storm."""
        slowest = self.slowest.get((kind, in_storm), 0.0)
        self.slowest[kind, in_storm] = max(seconds, slowest)

    def add(self, other: "Tally") -> None:
        for name in ("outcomes", "errors", "violations", "faults", "figures"):
            getattr(self, name).update(getattr(other, name))
        for (kind, in_storm), seconds in other.slowest.items():
            self.took(kind, seconds, in_storm=in_storm)
        for rule, details in other.details.items():
            room = TOLD - len(self.details[rule])
            self.details[rule] += details[: max(room, 0)]
        self.sizes.update(other.sizes)
