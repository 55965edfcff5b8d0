"""The counted steps of a run: a run that does nothing cannot pass."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Journal:
    lives: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    heard: Counter[str] = field(default_factory=Counter)
    dropped: int = 0

    def lines(self) -> list[str]:
        return [
            f"{self.steps.total()} steps in {self.lives} lives of a tenant, "
            f"{self.checked} states of tokens compared: 0 disagreements",
            f"{self.heard.total()} entries of the feed ended {self.dropped} cached "
            f"tokens, 0 missed: {_counted(self.heard)}",
            f"steps: {_counted(self.steps)}",
            f"outcomes: {_counted(self.outcomes)}",
            f"deaths: {_counted(self.deaths)}",
        ]


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())
