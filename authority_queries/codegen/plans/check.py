"""`authority plans`: the plans of queries as a text to review, checked by rules.

A plan is the generic one, which must serve every tenant and every parameter. It is
made with sample rows, as the role that executes the query.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import psycopg
from aiosql.types import SQLOperationType

from authority_queries.codegen.describing.refusals import refused
from authority_queries.codegen.errors import GenerationError, Outcome
from authority_queries.codegen.plans.database import PlanningSession, planning_session
from authority_queries.codegen.plans.explained import EXPLAIN, explain
from authority_queries.codegen.plans.layout import PlanLayout, read_layout
from authority_queries.codegen.plans.plan_node import PlanNode, read_plan
from authority_queries.codegen.plans.rules import PlanFinding, PlanRules, judge
from authority_queries.codegen.plans.text import (
    plan_difference,
    plan_text,
    query_title,
    with_plans,
    without_head,
)
from authority_queries.codegen.query import Query
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.codegen.sent import statement_of
from authority_queries.codegen.settings import GenerationSettings, read
from authority_queries.errors import ConfigurationError

# A query with its plan, and with its plan while policies are apart from its conditions.
_Planned: TypeAlias = tuple[Query, PlanNode | None, PlanNode | None]
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """The files and the rules of a check of plans.

    `role` executes the queries without `@role`; None is the login. `tenant_column` is
    the column with a row's tenant; None means that there are no tenants. `fixed_tables`
    (schema and name) do not grow, so that a plan may read all of one. `server` is a
    connection string; None starts an embedded server. Other versions plan differently.
    """

    queries: Path
    migrations: Sequence[Path]
    sample: Path
    role: str | None = None
    tenant_column: str | None = None
    fixed_tables: frozenset[str] = frozenset()
    server: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """The text to commit, and the findings, in the order of the queries.

    `titles` are the queries of the folder, with those that were not asked for.
    """

    text: str
    titles: tuple[str, ...]
    findings: tuple[PlanFinding, ...]


def run(
    config: Path, server: str | None, *, check: bool, only: Sequence[str] = ()
) -> Outcome:
    """Write the plans if they changed; with `check` return the difference instead.

    `only` names files and queries, `users` or `users.create`: the others keep the plans
    that they have, and the plans of these are part of the text. Raises what
    `check_plans` does, and ConfigurationError.
    """
    settings = read(config)
    path = _plans_path(settings, config)
    report = check_plans(plan_settings(settings, server), only)
    lines = [f"{each.place}: {each.what}; {each.remedy}\n" for each in report.findings]
    committed = path.read_text() if path.exists() else ""
    text = _merged(committed, report, path) if only else report.text
    if only and not check:
        lines.append(f"{without_head(report.text)}\n")
    difference = plan_difference(committed, text, path.name)
    if check:
        lines.append(difference)
    elif difference:
        path.write_text(text)
        lines.append(f"{path.name} written\n")
    is_wrong = bool(report.findings or (difference and check))
    fault = "plans have changed or break a rule" if is_wrong else None
    return Outcome(text="".join(lines), fault=fault)


def _plans_path(settings: GenerationSettings, config: Path) -> Path:
    if settings.plans is None:
        message = f"{config}: tool.authority.plans is missing: a file's name"
        raise ConfigurationError(message)
    return settings.plans


def _merged(committed: str, report: PlanReport, path: Path) -> str:
    """Return the committed text with the plans of the report in it."""
    text = with_plans(committed, report.text, report.titles)
    if text is None:
        message = (
            f"{path.name} has other first lines, as of another server or role: "
            "write all plans, without --only"
        )
        raise GenerationError(message)
    return text


def plan_settings(settings: GenerationSettings, server: str | None) -> PlanSettings:
    """Return the settings for plans. Raises ConfigurationError without sample rows."""
    if settings.sample is None:
        message = (
            "tool.authority.sample is missing: name an SQL file with sample rows, "
            "without which plans mean nothing"
        )
        raise ConfigurationError(message)
    return PlanSettings(
        queries=settings.queries,
        migrations=settings.migrations,
        sample=settings.sample,
        role=settings.role,
        tenant_column=settings.tenant_column,
        fixed_tables=settings.fixed_tables,
        server=server,
    )


def check_plans(settings: PlanSettings, only: Sequence[str] = ()) -> PlanReport:
    """Explain queries in a throwaway database and look at their plans.

    `only` names the files and queries that are meant; empty: all. Raises
    GenerationError when a file cannot be used or a query cannot be planned.
    """
    every = read_folder(settings.queries)
    layout, plans, version = _explain(settings, _chosen(every, only))
    rules = PlanRules(
        fixed_tables=settings.fixed_tables,
        tenant_columns=layout.tenant_columns,
        role=settings.role,
    )
    findings = [finding for each in plans for finding in judge(*each, rules)]
    shown = [(query, plan) for query, plan, _ in plans]
    return PlanReport(
        text=plan_text(shown, version=version, role=settings.role),
        titles=tuple(map(query_title, every)),
        findings=tuple(findings),
    )


def _explain(
    settings: PlanSettings, queries: Sequence[Query]
) -> tuple[PlanLayout, Sequence[_Planned], int]:
    """Return the layout of the tables, the plans, and PostgreSQL's major version."""
    with planning_session(
        migrations=settings.migrations,
        sample=settings.sample,
        server=settings.server,
        queries=[query.sql for query in queries],
    ) as session:
        _LOG.info("explaining %d queries", len(queries))
        layout = read_layout(session.connection, settings.tenant_column)
        role = settings.role
        plans = [_explained(session, query, layout, role) for query in queries]
        with session.altered(layout.apart):
            apart = [_explained(session, query, layout, role) for query in queries]
        planned = list(zip(queries, plans, apart, strict=True))
        return layout, planned, session.connection.info.server_version // 10000


def _chosen(queries: Sequence[Query], only: Sequence[str]) -> Sequence[Query]:
    if not only:
        return queries
    for name in only:
        if not any(name in {query.path.stem, query_title(query)} for query in queries):
            files = ", ".join(dict.fromkeys(query.path.stem for query in queries))
            message = (
                f"--only {name}: no such file or query; files: {files}; "
                "a query is named file.query"
            )
            raise ConfigurationError(message)
    return [
        query
        for query in queries
        if not {query.path.stem, query_title(query)}.isdisjoint(only)
    ]


def _explained(
    session: PlanningSession, query: Query, layout: PlanLayout, role: str | None
) -> PlanNode | None:
    """Return the query's plan as its role, or None if it has no plan."""
    if query.operation == SQLOperationType.SCRIPT or query.tags.copy:
        return None
    statement = statement_of(query)
    role = query.tags.role or role
    try:
        with session.acting_as(role):
            plan = explain(session.connection, statement.text)
    except psycopg.Error as error:
        raise refused(query, statement, error, role=role, before=EXPLAIN) from error
    return read_plan(plan, layout, statement.parameters)
