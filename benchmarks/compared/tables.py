"""The tables and the chart of benchmarks.comparison, and its targets."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from tabulate import tabulate

from benchmarks.compared.bars import Group, bars
from benchmarks.compared.worker import Spent

PEERS: Final = {
    "authority": "authority-queries",
    "authlib": "SQLAlchemy + Authlib",
    "toolkit": "django-oauth-toolkit",
}
_LIMITS: Final = {
    "verify": "authority.verify_token, from a pool",
    "hit": "authority.verifier(), a token that it knows",
    "generated": "tokens.verify_by_token, one connection",
    "args_row": "psycopg with args_row, the same statement",
    "asyncpg": "asyncpg, the same statement",
    "pgbench": "pgbench, the same statement",
    "row": "psycopg, the token's row by its key, no RLS",
}
_TARGETS: Final = {"authlib": 4.0, "toolkit": 7.0}
_OF_PGBENCH: Final = 0.7


class Figures(NamedTuple):
    """The measured blocks or rounds of each way.

    `calls` has a list for each of PEERS, in their order.
    """

    calls: Mapping[str, Sequence[Sequence[Spent]]]
    limits: Mapping[str, Sequence[Spent]]
    callers: Mapping[str, Sequence[Spent]]

    def are_met(self) -> bool:
        """Return whether all targets are met."""
        return all(found >= wanted for _, found, wanted in self.targets())

    def targets(self) -> list[tuple[str, float, float]]:
        """Return the name, the measured ratio and the least ratio of each target."""
        ours, *theirs = self.calls["verify"]
        judged = [
            (
                f"verify: {PEERS[peer]} to {PEERS['authority']}, CPU",
                _ratio(blocks, ours),
                _TARGETS[peer],
            )
            for peer, blocks in zip(_TARGETS, theirs, strict=True)
        ]
        best = max(
            _per_second(rounds)
            for way, rounds in self.callers.items()
            if way.startswith("authority")
        )
        limit = _per_second(self.callers["pgbench"])
        return [*judged, ("16 callers to pgbench", best / limit, _OF_PGBENCH)]


def report(figures: Figures, tokens: int) -> str:
    """Return the tables and the targets as text."""
    return "\n".join(
        [
            f"CPU µs a call, of client and server, {tokens:,} tokens and 10,000 users "
            "each (prune: a token):",
            _calls(figures),
            "",
            "Verifying one token, µs a call:",
            _limits(figures),
            "",
            "Verifying by 16 callers of one process on 8 connections, pgbench by 8:",
            _callers(figures),
            "",
            *(_target(*target) for target in figures.targets()),
            "",
        ]
    )


def chart(figures: Figures) -> str:
    """Return the chart as SVG."""
    groups = [
        Group(
            call,
            [
                (name, _cpu(blocks))
                for name, blocks in zip(PEERS.values(), stores, strict=True)
            ],
        )
        for call, stores in figures.calls.items()
    ]
    groups.append(
        Group(
            "verify, and its limits",
            [(_LIMITS[way], _cpu(figures.limits[way])) for way in _LIMITS],
        )
    )
    return bars("Processor time of a call, client and server, µs", groups)


def _calls(figures: Figures) -> str:
    lines = []
    for call, (ours, *theirs) in figures.calls.items():
        line: list[object] = [call, _cpu(ours)]
        for blocks in theirs:
            line += [_cpu(blocks), _ratio(blocks, ours)]
        line += [_clock(blocks) for blocks in (ours, *theirs)]
        lines.append(line)
    ours_name, *names = PEERS.values()
    headers = ["call", ours_name]
    for name in names:
        headers += [name, "ratio"]
    headers += ["by the clock", "", ""]
    formats = ("", ".0f", *(".0f", ".2f") * len(names), ".0f", ".0f", ".0f")
    return tabulate(lines, headers=headers, floatfmt=formats)


def _limits(figures: Figures) -> str:
    ours = figures.limits["verify"]
    lines = [
        [
            _LIMITS[way],
            _middle([each.client for each in figures.limits[way]]),
            _middle([each.server for each in figures.limits[way]]),
            _cpu(figures.limits[way]),
            _cpu(figures.limits[way]) / _cpu(ours),
            _clock(figures.limits[way]),
        ]
        for way in _LIMITS
    ]
    headers = ("way", "client CPU", "server CPU", "CPU", "to ours", "clock")
    formats = ("", ".1f", ".1f", ".1f", ".2f", ".1f")
    return tabulate(lines, headers=headers, floatfmt=formats)


def _callers(figures: Figures) -> str:
    limit = _per_second(figures.callers["pgbench"])
    lines = [
        [
            way,
            _per_second(rounds),
            _per_second(rounds) / limit,
            _middle([each.client for each in rounds]),
            _middle([each.server for each in rounds]),
        ]
        for way, rounds in figures.callers.items()
    ]
    headers = ("way", "calls/s", "to pgbench", "client CPU µs", "server CPU µs")
    return tabulate(lines, headers=headers, floatfmt=("", ".0f", ".2f", ".0f", ".0f"))


def _target(judged: str, found: float, wanted: float) -> str:
    verdict = "met" if found >= wanted else "NOT met"
    return f"{judged}: {found:.2f}; wanted: at least {wanted}; {verdict}"


def _cpu(blocks: Sequence[Spent]) -> float:
    return _middle([each.cpu for each in blocks])


def _clock(blocks: Sequence[Spent]) -> float:
    return _middle([each.clock for each in blocks])


def _middle(seconds: Sequence[float]) -> float:
    return median(seconds) * 1e6


def _per_second(rounds: Sequence[Spent]) -> float:
    return 1 / median(each.clock for each in rounds)


def _ratio(theirs: Sequence[Spent], ours: Sequence[Spent]) -> float:
    """Return the median of the ratios within the blocks."""
    return median(a.cpu / b.cpu for a, b in zip(theirs, ours, strict=True))
