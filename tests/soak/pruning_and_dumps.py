"""Upkeep beside services: pruning in both forms, and dumps that are restored."""

import asyncio
import subprocess
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic

import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries import AsyncMaintenance, Maintenance, Settings
from authority_queries.service.retention import STEPS, PruneReport, Retention
from tests.soak.errors import described
from tests.soak.ledger import Ledger
from tests.soak.server_and_proxy import Stage

# Everything expired is pruned at once.
_KEPT = Retention(expired=timedelta(0))
# Except the feeds: a gap in one would look like an entry that was lost.
_PRUNED = [step for step in STEPS if not step.endswith("revocations")]
_RESTORED = "restored"
_BROKEN = """
select
    (
        select count(*) from authority.tokens
        where
            redeemed_at is not null
            and (
                select count(*) from authority.tokens as successors
                where successors.parent_id = tokens.id
            ) not in (0, 2)
    ) as halves,
    (
        select count(*) from (
            select tenant_id from authority.revocations
            group by tenant_id having max(sequence) <> count(*)
        ) as gaps
    ) as gaps,
    (
        select count(*)
        from authority.license_usage_totals as totals
        where totals.used <> (
            select coalesce(sum(uses.quantity), 0) from authority.license_usage as uses
            where
                uses.license_id = totals.license_id
                and uses.metric = totals.metric
                and uses.period_start = totals.period_start
        )
    ) as miscounted
"""


def prune(settings: Settings, ledger: Ledger, stop: Event) -> None:
    with Maintenance.open(settings) as maintenance:
        while not stop.wait(0.3):
            with ledger.call("prune", parts=11) as call:
                report = maintenance.prune(
                    retention=_KEPT, batch_size=200, only=_PRUNED
                )
            if call.is_acknowledged:
                _judge(ledger, report, call.began)
            asyncio.run(_prune_async(settings, ledger))


async def _prune_async(settings: Settings, ledger: Ledger) -> None:
    """Prune once in the other form, on a pool of its own, as a command does."""
    with ledger.call("prune, async", parts=11) as call:
        async with AsyncMaintenance.open(settings) as maintenance:
            report = await maintenance.prune(
                retention=_KEPT, batch_size=200, only=_PRUNED
            )
    if call.is_acknowledged:
        _judge(ledger, report, call.began)


def _judge(ledger: Ledger, report: PruneReport, began: float) -> None:
    ledger.count("rows pruned", report.rows)
    for step in report.steps:
        if step.outcome == "failed" and not ledger.weather.met(began, monotonic()):
            transient = any(name in step.error for name in ("LockNot", "Deadlock"))
            rule = "a step of pruning fails in calm weather"
            ledger.expect(transient, rule, f"{step.step}: {step.error}")


def dump_and_restore(stage: Stage, ledger: Ledger) -> None:
    """A dump under load is of one moment: it restores, and has no half redemption."""
    if stage.cluster is None:
        return
    began, programs = monotonic(), stage.cluster.programs
    file = stage.folder / "dump"
    try:
        _run(programs / "pg_dump", "-Fc", "-f", str(file), stage.logins.dba)
        restored = _new_database(stage)
        _run(programs / "pg_restore", "--exit-on-error", "-d", restored, str(file))
        with psycopg.connect(restored) as dba:
            row = dba.execute(_BROKEN).fetchone()
    except (subprocess.CalledProcessError, psycopg.Error) as error:
        output = getattr(error, "stderr", "")
        if not ledger.weather.met(began, monotonic()):
            ledger.violate("a dump cannot be restored", f"{described(error)} {output}")
        return
    ledger.count("dumps restored")
    rule = "a dump is of more than one moment"
    ledger.expect(row == (0, 0, 0), rule, f"halves, gaps, miscounted: {row}")


def audit_rows(stage: Stage, ledger: Ledger) -> None:
    """Make the same assertions on the database itself, at rest."""
    with stage.dba() as dba:
        row = dba.execute(_BROKEN).fetchone()
    ledger.expect(row == (0, 0, 0), "rows do not agree", f"halves, gaps, sums: {row}")


def _new_database(stage: Stage) -> str:
    with stage.dba() as dba:
        dba.execute(f"drop database if exists {_RESTORED} with (force)")
        dba.execute(f"create database {_RESTORED} template template0")
    return make_conninfo(stage.logins.dba, dbname=_RESTORED)


def _run(program: Path, *arguments: str) -> None:
    subprocess.run(
        [program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
