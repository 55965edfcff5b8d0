"""The page of a comparison, which somebody signs."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from authority_queries.importing.comparing.results import (
    CheckReport,
    Comparison,
    Finding,
    Reason,
)
from authority_queries.importing.comparing.rules import RULES
from authority_queries.importing.report_pages import (
    Cell,
    ReportPage,
    ReportTable,
    render_page,
)

_STATEMENT = (
    "We have read this report. The counts and the differences above are those that we "
    "expect, and we accept the rows of this authority in place of the source."
)


def comparison_page(comparison: Comparison) -> str:
    """Return the report as one HTML document."""
    return render_page(
        ReportPage(
            title=f"Comparison with {comparison.source}",
            verdict=verdict(comparison),
            is_good=comparison.is_same,
            summary=_summary(comparison),
            tables=[*_tables(comparison)],
            statement=_STATEMENT,
        )
    )


def verdict(comparison: Comparison) -> str:
    """Return the result in one sentence or two."""
    failed = sum(len(each.failures) for each in comparison.checks)
    if comparison.is_same:
        explained = sum(each.count for each in comparison.findings)
        if not explained:
            return "The rows here are those of the source."
        return (
            "The rows here are those of the source. Rules explain "
            f"{_counted(explained, 'difference')}."
        )
    parts = []
    if comparison.unexplained:
        counted = _counted(comparison.unexplained, "difference")
        parts.append(f"No rule explains {counted}.")
    if failed:
        parts.append(f"{_counted(failed, 'check')} failed.")
    return " ".join(parts)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _summary(comparison: Comparison) -> Sequence[tuple[str, Cell]]:
    if comparison.sample is None:
        fields = "of all documents"
    else:
        seed = f"seed {comparison.seed}" if comparison.seed else "no seed"
        fields = f"of {comparison.sample:,} random documents a collection ({seed})"
    return [
        ("Source", comparison.source),
        ("Database", comparison.database),
        ("Begun", _moment(comparison.begun_at)),
        ("Seconds", comparison.seconds),
        ("Keys compared", "of all documents and rows"),
        ("Fields compared", fields),
        (
            "In use since",
            _moment(comparison.in_use_since) if comparison.in_use_since else "not yet",
        ),
    ]


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _tables(comparison: Comparison) -> Iterator[ReportTable]:
    yield ReportTable(
        title="Differences that no rule explains",
        columns=("what", "kind", "field", "count"),
        rows=[_sort(each) for each in comparison.findings if each.rule is None],
    )
    yield _examples(comparison.findings)
    yield ReportTable(
        title="Differences that a rule explains",
        columns=("rule", "what", "kind", "field", "count"),
        rows=[(each.rule, *_sort(each)) for each in comparison.findings if each.rule],
    )
    used = {each.rule for each in comparison.findings}
    yield ReportTable(
        title="Rules",
        columns=("rule", "meaning"),
        rows=[(name, text) for name, text in RULES.items() if name in used],
        note="The rules that explained a difference above.",
    )
    yield ReportTable(
        title="Rows",
        columns=("tenant", "kind", "source", "here", "missing here", "only here"),
        rows=[
            (
                each.tenant,
                each.kind,
                each.source,
                each.here,
                each.missing,
                each.only_here,
            )
            for each in comparison.rows
        ],
        note="Rows of each kind: of the source, without repetitions, and here.",
    )
    yield ReportTable(
        title="Documents",
        columns=("collection", "tenant", "documents", "refused", "fields compared"),
        rows=[
            (each.collection, each.tenant, each.documents, each.refused, each.compared)
            for each in comparison.collections
        ],
    )
    for check in comparison.checks:
        yield _check(check)
    yield _reasons("Refused documents", comparison.refused)
    yield _reasons("Fields without a place here", comparison.dropped)


def _sort(finding: Finding) -> tuple[Cell, ...]:
    return finding.what, finding.kind, finding.field or "", finding.count


def _examples(findings: Sequence[Finding]) -> ReportTable:
    return ReportTable(
        title="Examples",
        columns=("tenant", "what", "kind", "field", "row", "source", "here"),
        rows=[
            (
                each.tenant,
                finding.what,
                finding.kind,
                finding.field or "",
                each.document,
                each.source,
                each.here,
            )
            for finding in findings
            if finding.rule is None
            for each in finding.examples
        ],
        note="A row is named by its document in the source, or by its key here.",
    )


def _check(check: CheckReport) -> ReportTable:
    return ReportTable(
        title=f"Known {check.what}",
        columns=("line", "tenant", "reason"),
        rows=[(each.line, each.tenant, each.reason) for each in check.failures],
        note=f"{check.verified:,} of {check.tried:,} {check.what} verify here.",
        if_empty="No check failed.",
    )


def _reasons(title: str, reasons: Sequence[Reason]) -> ReportTable:
    return ReportTable(
        title=title,
        columns=("collection", "field", "reason", "count"),
        rows=[
            (each.collection, each.field or "", each.reason, each.count)
            for each in reasons
        ],
    )
