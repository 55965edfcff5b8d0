"""The report of an import: JSON for programs, and a page that people sign."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Final, TypeAlias

from authority_queries.engine.json_types import JsonObject
from authority_queries.importing.report_pages import (
    Cell,
    ReportPage,
    ReportTable,
    render_page,
)
from authority_queries.importing.writing.journal_lines import Batch, Line
from authority_queries.importing.writing.summaries import (
    CollectionSummary,
    ImportSummary,
)

# Reads the journal again from its beginning.
Lines: TypeAlias = Callable[[], Iterable[Line]]

_MOST_SHOWN: Final = 1000
_STATEMENT: Final = (
    "The documents above were imported from the named source into the named database. "
    "The refused documents and the dropped fields were examined, and are accepted."
)


def report_places(place: Path) -> tuple[Path, Path]:
    """Return the files of a report: the JSON, and the page beside it."""
    stem = place.with_suffix("") if place.suffix in (".json", ".html") else place
    return stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.html")


def write_report(place: Path, summary: ImportSummary, lines: Lines) -> None:
    """Write both files of a report. The JSON has every refused document."""
    data, page = report_places(place)
    with data.open("w", encoding="utf-8") as file:
        _write_json(file, summary, lines)
    page.write_text(render_page(_page(summary, lines)), encoding="utf-8")


def _write_json(file: IO[str], summary: ImportSummary, lines: Lines) -> None:
    """Write an object whose last member is a list that may be long."""
    head = json.dumps(_head(summary), ensure_ascii=False, indent=2)
    file.write(head.removesuffix("\n}"))
    file.write(',\n  "refused": [')
    for number, (collection, document_id, reason) in enumerate(_refused(lines)):
        one = {"collection": collection, "id": document_id, "reason": reason}
        file.write(",\n    " if number else "\n    ")
        file.write(json.dumps(one, ensure_ascii=False))
    file.write("\n  ]\n}\n")


def _head(summary: ImportSummary) -> JsonObject:
    header, ended = summary.header, summary.finished_at
    return {
        "report": "import",
        "run": str(header.run),
        "source": header.source,
        "database": header.database,
        "login": header.login,
        "tenant": header.tenant,
        "is_dry_run": header.is_dry_run,
        "is_update": header.is_update,
        "since": header.since.isoformat() if header.since else None,
        "is_complete": summary.is_complete,
        "began_at": header.at.isoformat(),
        "resumed_at": [moment.isoformat() for moment in summary.resumed],
        "finished_at": ended.isoformat() if ended else None,
        "seconds": round(summary.seconds, 3),
        "rows": summary.rows,
        "rows_per_second": _rate(summary),
        "refusals": summary.refusals,
        "collections": [_collection(each) for each in summary.collections],
    }


def _collection(one: CollectionSummary) -> JsonObject:
    return {
        "name": one.name,
        "is_complete": one.is_done,
        "read": one.read,
        "imported": one.imported,
        "skipped": one.skipped,
        "without_rows": one.rowless,
        "refused": one.refusals,
        "created": dict(one.created),
        "existing": dict(one.existing),
        "updated": dict(one.updated),
        "dropped": [
            {"field": field, "reason": reason, "count": count}
            for (field, reason), count in sorted(one.dropped.items())
        ],
        "seconds": round(one.seconds, 3),
    }


def _page(summary: ImportSummary, lines: Lines) -> ReportPage:
    is_good = summary.is_complete and not summary.refusals
    return ReportPage(
        title="Dry run of an import" if summary.header.is_dry_run else "Import",
        verdict=_verdict(summary),
        is_good=is_good,
        summary=_facts(summary),
        tables=[
            _documents_table(summary),
            _rows_table(summary),
            _dropped_table(summary),
            _refused_table(summary, lines),
        ],
        statement="" if summary.header.is_dry_run else _STATEMENT,
    )


def _verdict(summary: ImportSummary) -> str:
    if not summary.is_complete:
        return "The import has stopped: go on with --resume."
    if summary.refusals:
        return f"All documents were read, and {summary.refusals:,} of them refused."
    return "All documents were imported."


def _facts(summary: ImportSummary) -> list[tuple[str, Cell]]:
    header = summary.header
    ended = summary.finished_at
    return [
        ("Source", header.source),
        ("Database", header.database),
        ("Login", header.login),
        ("Tenant", header.tenant or "all of the source"),
        ("Run", str(header.run)),
        ("Began", header.at.isoformat(timespec="seconds")),
        (
            "Resumed",
            ", ".join(at.isoformat(timespec="seconds") for at in summary.resumed),
        ),
        ("Ended", ended.isoformat(timespec="seconds") if ended else "not yet"),
        ("Seconds of writing", round(summary.seconds, 1)),
        ("Rows", summary.rows),
        ("Rows per second", _rate(summary)),
    ]


def _documents_table(summary: ImportSummary) -> ReportTable:
    return ReportTable(
        title="Documents",
        note="Skipped documents belong to a tenant that was not asked for. Documents "
        "without rows became nothing, such as expired tokens: the dropped fields name "
        "the reasons.",
        columns=(
            "Collection",
            "Read",
            "Imported",
            "Refused",
            "Skipped",
            "Without rows",
            "Complete",
        ),
        rows=[
            (
                one.name,
                one.read,
                one.imported,
                one.refusals,
                one.skipped,
                one.rowless,
                "yes" if one.is_done else "no",
            )
            for one in summary.collections
        ],
    )


def _rows_table(summary: ImportSummary) -> ReportTable:
    return ReportTable(
        title="Rows",
        note="Existing rows were stored before under the same key. Only an import with "
        "--update or --since changes them. A comparison finds those that differ.",
        columns=("Collection", "Kind", "Created", "Existing", "Updated"),
        rows=[
            (
                one.name,
                kind,
                one.created[kind],
                one.existing[kind],
                one.updated[kind],
            )
            for one in summary.collections
            for kind in sorted({*one.created, *one.existing})
        ],
    )


def _dropped_table(summary: ImportSummary) -> ReportTable:
    return ReportTable(
        title="Dropped fields",
        note="Every other field was imported, or kept in an open object of its row.",
        columns=("Collection", "Field", "Reason", "Documents"),
        rows=[
            (one.name, field, reason, count)
            for one in summary.collections
            for (field, reason), count in sorted(one.dropped.items())
        ],
    )


def _refused_table(summary: ImportSummary, lines: Lines) -> ReportTable:
    shown = [*islice(_refused(lines), _MOST_SHOWN)]
    return ReportTable(
        title="Refused documents",
        note="They changed nothing. The JSON file has all of them.",
        columns=("Collection", "Id", "Reason"),
        rows=shown,
        left_out=summary.refusals - len(shown),
    )


def _refused(lines: Lines) -> Iterator[tuple[str, str, str]]:
    for line in lines():
        if isinstance(line, Batch):
            for refusal in line.refused:
                yield line.collection, refusal.id, refusal.reason


def _rate(summary: ImportSummary) -> int:
    return round(summary.rows / summary.seconds) if summary.seconds else 0
