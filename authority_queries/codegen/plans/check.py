"""What PostgreSQL does for each query: as a text to review, and checked by rules.

A plan is the generic one, which has to be good for every tenant and every parameter.
It is made on believable rows, by the role that services log in as.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import psycopg
from aiosql.types import SQLOperationType
from psycopg.rows import scalar_row

from authority_queries.codegen.describing.statement import statement_of
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.model import Outcome, Query
from authority_queries.codegen.plans.database import planning_session
from authority_queries.codegen.plans.layout import PlanLayout, read_layout
from authority_queries.codegen.plans.nodes import PlanNode, read_plan
from authority_queries.codegen.plans.rules import PlanFinding, PlanRules, judge
from authority_queries.codegen.plans.text import plan_difference, plan_text
from authority_queries.codegen.reading.query_files import read_folder
from authority_queries.codegen.settings import GenerationSettings, read
from authority_queries.errors import ConfigurationError

_EXPLAIN: Final = b"explain (generic_plan, verbose, format json) "


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """Where queries, migrations and the sample rows are, and what the plans mean.

    `role` runs the queries, the one that connects when it is None. Rows belong to
    tenants by `tenant_column`; None: there are no tenants. `fixed_tables` (schema and
    name) do not grow, so that reading one whole is no finding. `server` is a
    connection string, an embedded server's when None: other versions plan otherwise.
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
    """The text to commit, and what is wrong, in the order of the queries."""

    text: str
    findings: tuple[PlanFinding, ...]


def run(config: Path, server: str | None, *, check: bool) -> Outcome:
    """Write the plans if they changed; with `check` give the difference instead.

    Raises what `check_plans` does, and ConfigurationError.
    """
    settings = read(config)
    if settings.plans is None:
        message = f"{config}: tool.authority.plans is missing: a file's name"
        raise ConfigurationError(message)
    report = check_plans(plan_settings(settings, server))
    lines = [f"{each.place}: {each.what}; {each.remedy}\n" for each in report.findings]
    committed = settings.plans.read_text() if settings.plans.exists() else ""
    difference = plan_difference(committed, report.text, settings.plans.name)
    if check:
        lines.append(difference)
    elif difference:
        settings.plans.write_text(report.text)
        lines.append(f"{settings.plans.name} written\n")
    is_wrong = bool(report.findings or (difference and check))
    fault = "plans have changed or break a rule" if is_wrong else None
    return Outcome(text="".join(lines), fault=fault)


def plan_settings(settings: GenerationSettings, server: str | None) -> PlanSettings:
    """Take what concerns plans. Raises ConfigurationError without sample rows."""
    if settings.sample is None:
        message = (
            "tool.authority.sample is missing: an SQL file with believable rows, "
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


def check_plans(settings: PlanSettings) -> PlanReport:
    """Explain all queries in a throwaway database and look at their plans.

    Raises GenerationError when a file cannot be used or a query cannot be planned.
    """
    queries = read_folder(settings.queries)
    with planning_session(
        migrations=settings.migrations,
        sample=settings.sample,
        role=settings.role,
        server=settings.server,
    ) as connection:
        layout = read_layout(connection, settings.tenant_column)
        plans = [
            (query, _explain(connection, query, layout, settings.role))
            for query in queries
        ]
        version = connection.info.server_version // 10000
    rules = PlanRules(
        fixed_tables=settings.fixed_tables, tenant_columns=layout.tenant_columns
    )
    findings = [
        finding
        for query, plan in plans
        if plan is not None
        for finding in judge(query, plan, rules)
    ]
    return PlanReport(
        text=plan_text(plans, version=version, role=settings.role),
        findings=tuple(findings),
    )


def _explain(
    connection: psycopg.Connection[object],
    query: Query,
    layout: PlanLayout,
    role: str | None,
) -> PlanNode | None:
    if query.operation == SQLOperationType.SCRIPT:
        return None
    statement = statement_of(query)
    try:
        with connection.cursor(row_factory=scalar_row) as cursor:
            # Without arguments nothing is replaced in the text.
            ((explained,),) = cursor.execute(_EXPLAIN + statement.text.encode())
    except psycopg.Error as error:
        hearer = f" to {role}" if role else ""
        message = (
            f"{query.place}: PostgreSQL says{hearer}: {error.diag.message_primary}"
        )
        raise GenerationError(message) from error
    plan = cast("Mapping[str, Mapping[str, object]]", explained)["Plan"]
    return read_plan(plan, layout, statement.parameters)
