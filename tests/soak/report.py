"""The sums of a run, as they are printed."""

from collections.abc import Iterator

from tabulate import tabulate

from tests.soak.fault_times import Weather
from tests.soak.plan import Plan
from tests.soak.tally import Tally

OUTCOMES = ("acknowledged", "refused", "unknown")


def report(tally: Tally, plan: Plan, server: str, seconds: float) -> Iterator[str]:
    """Return the paragraphs of a run's report."""
    weather = Weather(plan.settings("dbname=x"))
    yield _lines(
        ("server", server),
        ("seed", plan.seed),
        ("seconds", f"{seconds:.0f}"),
        ("calls", sum(tally.outcomes.values())),
        ("a call may take", f"{weather.calm} s, in storms {weather.stormy} s"),
        ("faults", _joined(tally.faults) or "none"),
        ("errors", _joined(tally.errors) or "none"),
        ("MB: at first, after a third, at last, most", _sizes(tally)),
    )
    yield tabulate(
        [_call(tally, kind) for kind in sorted({kind for kind, _ in tally.outcomes})],
        headers=("call", *OUTCOMES, "slowest, s", "in storms, s"),
        floatfmt=".2f",
    )
    yield _lines(*sorted(tally.figures.items()))
    yield _violations(tally)


def _call(tally: Tally, kind: str) -> tuple[object, ...]:
    counts = (tally.outcomes[kind, outcome] for outcome in OUTCOMES)
    slowest = (tally.slowest.get((kind, in_storm)) for in_storm in (False, True))
    return (kind, *counts, *slowest)


def _violations(tally: Tally) -> str:
    lines = [f"{sum(tally.violations.values())} violations"]
    for rule, count in tally.violations.most_common():
        lines.append(f"{count:>6} times: {rule}")
        lines += [f"        {detail}" for detail in tally.details[rule]]
    return "\n".join(lines)


def _lines(*pairs: tuple[object, object]) -> str:
    return tabulate(pairs, tablefmt="plain", disable_numparse=True)


def _joined(counts: "dict[str, int]") -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _sizes(tally: Tally) -> str:
    return ", ".join(f"{size:.0f}" for size in tally.sizes.get("MB", ())) or "-"
