"""Queries written for a test, and the report of the check of plans about them."""

from pathlib import Path

from authority_queries.codegen.plans.check import PlanReport, PlanSettings, check_plans


def plan_settings(parent: Path, server: str, schema: str, sample: str) -> PlanSettings:
    """Write a project: this schema as its only migration, these rows, no query."""
    for folder in ("queries", "migrations"):
        (parent / folder).mkdir()
    (parent / "migrations" / "0001_shop.sql").write_text(schema)
    (parent / "sample.sql").write_text(sample)
    return PlanSettings(
        queries=parent / "queries",
        migrations=[parent / "migrations"],
        sample=parent / "sample.sql",
        tenant_column="tenant_id",
        server=server,
    )


def report_on(settings: PlanSettings, *queries: str) -> PlanReport:
    """Check queries that are written `name(parameters) | tag | … | SQL`."""
    texts = []
    for query in queries:
        head, *tags, sql = query.split(" | ")
        lines = [f"-- name: {head}", "-- A row.", *(f"-- {tag}" for tag in tags), sql]
        texts.append("\n".join(lines) + "\n")
    (settings.queries / "notes.sql").write_text("\n".join(texts))
    return check_plans(settings)


def found(report: PlanReport) -> list[tuple[str, str]]:
    """Return findings as the query's name and the problem."""
    return [(f.place.rpartition(" ")[2], f.what) for f in report.findings]


def plans_of(report: PlanReport) -> str:
    """Return the text without its head."""
    return report.text.partition("\n\n")[2]
