"""The tally of a run, and how it is printed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tabulate import tabulate

from tests.fuzz.features import features
from tests.fuzz.scoring import Score


@dataclass(slots=True)
class Tally:
    """The sums over all statements of a run. `unsound` are those of the first rule."""

    version: int
    rules: Sequence[str]
    generated: int = 0
    refused: int = 0
    failed: int = 0
    scored: int = 0
    columns: int = 0
    null_refused: int = 0
    crashes: list[int] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    unsound: list[Score] = field(default_factory=list)
    features: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    def add(self, score: Score) -> None:
        self.generated += 1
        if score.refused is not None:
            self.refused += 1
            self.refusals[score.refused.split("\n")[0]] += 1
        elif not score.verdicts:
            self.failed += 1
        else:
            self._add_scored(score)

    def _add_scored(self, score: Score) -> None:
        self.scored += 1
        self.columns += score.columns
        self.null_refused += score.null_refused
        for name, verdict in score.verdicts.items():
            counter = self.counts.setdefault(name, Counter())
            counter["queries"] += bool(verdict.unsound)
            counter["columns"] += verdict.unsound_columns
            counter["overcautious"] += verdict.overcautious
        if score.verdicts[self.rules[0]].unsound:
            self.unsound.append(score)
        for name, pattern in features(self.version).items():
            self.features[name] += bool(pattern.search(score.drawn.sql))

    @property
    def missing(self) -> list[str]:
        """The features that no scored statement had."""
        return [name for name in features(self.version) if not self.features[name]]


def report(tally: Tally, server: str, seconds: float) -> Iterator[str]:
    """Return the tables of a run, a paragraph at a time."""
    yield tabulate(
        [
            ("server", server),
            ("queries generated", tally.generated),
            ("refused by the server", tally.refused),
            ("failed at run time", tally.failed),
            ("scored", tally.scored),
            ("result columns with a row", tally.columns),
            ("queries where NOT NULL refused a null parameter", tally.null_refused),
            ("crashed the server (--only …)", ", ".join(map(str, tally.crashes)) or 0),
            ("seconds", f"{seconds:.1f}"),
        ],
        tablefmt="plain",
        disable_numparse=True,
    )
    yield tabulate(
        [_rule(name, tally.counts.get(name, {}), tally) for name in tally.rules],
        headers=(
            "rule",
            "unsound queries",
            "%",
            "unsound columns",
            "over-cautious",
            "%",
        ),
        floatfmt=".2f",
    )
    yield tabulate(_in_columns(tally), tablefmt="plain")
    for score in tally.unsound[:5]:
        yield explain(score, tally.rules[0])


def _in_columns(tally: Tally) -> list[list[str]]:
    """Lay the features out in three columns, the number before the name."""
    cells = [[f"{tally.features[name]:>6}", name] for name in features(tally.version)]
    height = -(-len(cells) // 3)
    rows = (cells[row::height] for row in range(height))
    return [[text for cell in row for text in cell] for row in rows]


def _rule(
    name: str, counts: Mapping[str, int], tally: Tally
) -> tuple[str, int, float, int, int, float]:
    queries, columns = counts.get("queries", 0), counts.get("columns", 0)
    cautious = counts.get("overcautious", 0)
    return (
        name,
        queries,
        100 * queries / max(1, tally.scored),
        columns,
        cautious,
        100 * cautious / max(1, tally.columns),
    )


def explain(score: Score, rule: str) -> str:
    """Describe the errors about a statement, and how to run it again."""
    wrong = "\n".join(score.verdicts[rule].unsound)
    return f"--only {score.drawn.seed}\n{wrong}\n{score.drawn.sql}"
