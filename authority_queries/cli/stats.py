"""`authority stats`: prints figures as text, as JSON or for Prometheus."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tabulate import tabulate

from authority_queries.cli.maintaining import days_of
from authority_queries.errors import ConfigurationError
from authority_queries.service.retention import Retention
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from authority_queries import Stats

_EPILOG: Final = (
    "Log in as a member of authority_reader; a member of pg_read_all_stats also sees "
    "the transactions of other sessions. No figure names a tenant or a user. "
    "Exit codes: 0 printed, 1 a query failed or there is no connection, 2 wrong use."
)
_KEPT: Final = Retention()
_DAY: Final = timedelta(days=1)
_MOST: Final = 15  # tables or indexes in the text
_TITLES: Final = {
    "tables": f"tables, the {_MOST} largest",
    "indexes": f"indexes without a scan that are not unique, the {_MOST} largest",
}
_LISTS: Final = (
    "tables",
    "indexes",
    "partitions",
    "connections",
    "horizons",
    "backlogs",
    "work",
    "tenants",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `authority stats`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--format",
        choices=("text", "json", "prometheus"),
        default="text",
        help="how to print the figures (default: text)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="end a query after this time (default: 5)",
    )
    for name, kept in (
        ("expired", _KEPT.expired),
        ("consents", _KEPT.consents),
        ("usage", _KEPT.usage),
    ):
        parser.add_argument(
            f"--keep-{name}",
            type=float,
            default=kept / _DAY,
            metavar="DAYS",
            help=f"as given to `authority prune` (default: {kept / _DAY:g})",
        )


def run_stats(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the figures. Return 1 if a query failed, otherwise 0.

    Raises ConfigurationError, UnavailableError.
    """
    # Imported here because stale generated modules cannot be imported.
    from authority_queries import Monitor  # noqa: PLC0415 -- see above

    retention = Retention(
        expired=days_of("--keep-expired", arguments.keep_expired),
        consents=days_of("--keep-consents", arguments.keep_consents),
        usage=days_of("--keep-usage", arguments.keep_usage),
    )
    with Monitor.open(_with_timeout(settings, arguments.timeout)) as monitor:
        stats = monitor.read(retention=retention)
    print(_FORMATS[arguments.format](stats), end="")
    for name, why in stats.failed.items():
        print(f"authority: {name}: {why}", file=sys.stderr)
    return 0 if stats.is_complete else 1


def _with_timeout(settings: Settings, seconds: float) -> Settings:
    if not 0.001 <= seconds <= 3600:  # noqa: PLR2004 -- a millisecond, an hour
        message = f"--timeout must be 0.001 to 3600 seconds, not {seconds}"
        raise ConfigurationError(message)
    update = {"pool_min_size": 1, "pool_max_size": 1, "statement_timeout": seconds}
    return settings.model_copy(update=update)


def _text(stats: "Stats") -> str:
    return "".join(_sections(stats))


def _sections(stats: "Stats") -> Iterator[str]:
    if stats.database is not None:
        rows = [
            (_words(name), _shown(value, stats))
            for name, value in asdict(stats.database).items()
        ]
        yield _section("database", ("figure", "value"), rows)
    for name in _LISTS:
        listed = _picked(name, [asdict(row) for row in getattr(stats, name)])
        if listed:
            headers = [_words(column) for column in listed[0]]
            title = _TITLES.get(name, name)
            yield _section(title, headers, [_cells(row, stats) for row in listed])


def _picked(
    name: str, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Return the largest tables, and the largest indexes that nothing has used."""
    if name not in _TITLES:
        return rows
    if name == "indexes":
        rows = [row for row in rows if not (row["is_unique"] or row["scans"])]
    return sorted(rows, key=lambda row: -(row["size_bytes"] or 0))[:_MOST]


def _cells(row: Mapping[str, object], stats: "Stats") -> Sequence[str]:
    # The state of a session, or all figures of a holder, if the login may not see them.
    is_hidden = None in (row.get("state", ""), row.get("holders", ""))
    return [
        "not visible"
        if is_hidden and value is None and name != "retained_bytes"
        else _shown(value, stats)
        for name, value in row.items()
    ]


def _section(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True)
    return f"{title}\n\n{table}\n\n"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: object, stats: "Stats") -> str:
    """Return a figure for people: a time as an age."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{timedelta(seconds=round(stats.age(value)))} ago"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _json(stats: "Stats") -> str:
    figures = asdict(stats)
    return json.dumps(figures, indent=2, default=_as_json) + "\n"


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    message = f"{type(value).__name__} is no figure"
    raise TypeError(message)


def _prometheus(stats: "Stats") -> str:
    # Imported here because only this format needs the library.
    from authority_queries.service.metrics import (  # noqa: PLC0415 -- see above
        prometheus_text,
    )

    return prometheus_text(stats)


_FORMATS: Final = {"text": _text, "json": _json, "prometheus": _prometheus}
