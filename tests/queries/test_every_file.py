"""Rules of all query files, which cover new queries too."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from authority_queries import Store
from authority_queries.codegen.query import Query
from authority_queries.engine._sync.query_file import QueryFile
from authority_queries.repositories._sync.repository import Repository
from authority_queries.resources import QUERIES
from tests.every_query import names_by_file
from tests.own_queries import own_queries
from tests.stores import Logins

ALL = own_queries()
ROOT = Path(__file__).parents[2]
LONGEST_LINE = 88
# These belong neither to a tenant nor to operators: they run before a tenant is known.
OF_NO_TABLE = {
    "exports.begin",
    "revocations.listen",
    "tenants.begin",
    "tenants.begin_alone",
    "tenants.begin_on_standby",
    "tenants.begin_read_only",
    "tenants.commit",
}
# Readers count for all tenants, and read PostgreSQL's catalogue.
OF_THE_CATALOGUE = {
    "monitoring.list_connections",
    "monitoring.list_indexes",
    "monitoring.list_tables",
}
OF_NOBODY = (
    OF_NO_TABLE
    | OF_THE_CATALOGUE
    | {
        "exports.list_tables",
        "monitoring.get_database",
        "monitoring.list_backlogs",
        "monitoring.list_horizons",
        "monitoring.list_partitions",
        "monitoring.list_tenants",
        "monitoring.list_work",
        "revocations.list_heads",
        "tenant_moves.list_tenants",
        "server.describe",
        "server.get_lsn",
        "server.get_replay",
        "server.get_schema_version",
        "tenant_moves.list_tables",
        "entries.import_tenant",
        "tenants.find",
        "tokens.verify_many_by_token",
    }
)


def full_name(query: Query) -> str:
    return f"{query.path.stem}.{query.name}"


every_query = pytest.mark.parametrize("query", ALL, ids=full_name)


def test_the_generator_reads_the_queries_that_the_run_time_loads() -> None:
    assert sorted(map(full_name, ALL)) == sorted(map(".".join, names_by_file()))


def test_there_is_one_repository_for_each_file(logins: Logins) -> None:
    with psycopg.connect(logins.app) as connection:
        repositories = {
            name
            for name, value in vars(Store(connection)).items()
            if isinstance(value, Repository)
        }
    assert repositories == {query.path.stem for query in ALL}


def test_no_line_of_sql_is_too_long() -> None:
    by_hand = [
        path
        for folder in ("queries", "schema", "authority_queries", "tests")
        for path in sorted((ROOT / folder).rglob("*.sql"))
        if path.name != "snapshot.sql"
    ]
    assert len(by_hand) > 50
    too_long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in by_hand
        for number, line in enumerate(path.read_text().splitlines(), 1)
        # aiosql reads a query's name and parameters from one line.
        if len(line) > LONGEST_LINE and not line.startswith("-- name: ")
    ]
    assert too_long == []


@every_query
def test_a_query_states_what_it_returns(query: Query) -> None:
    assert query.doc
    assert query.doc.endswith(".")


@every_query
def test_a_query_is_found_at_its_announced_line(query: Query) -> None:
    function = getattr(QueryFile(query.path).queries, query.name)
    assert function.__code__.co_firstlineno == query.line
    line = query.path.read_text().splitlines()[query.line - 1]
    assert re.match(rf"-- name: {query.name}\(", line)


@every_query
def test_a_query_is_bound_to_its_tenant_or_belongs_to_operators(query: Query) -> None:
    if full_name(query) in OF_NOBODY:
        assert "tenant_id" not in query.parameters
        assert query.tags.role != "authority_maintenance"
    else:
        is_operators = query.tags.role == "authority_maintenance"
        assert "tenant_id" in query.parameters or is_operators


@every_query
def test_a_query_uses_the_one_clock(query: Query) -> None:
    if query.path.stem == "server":
        return  # `authority doctor` asks for the machine's own time.
    other_clocks = r"\b(now|(statement|clock|transaction)_timestamp)\s*\("
    assert not re.search(other_clocks, query.sql)
    assert not re.search(r"\b(current|local)_?(timestamp|date|time)\b", query.sql)


@every_query
def test_a_query_judges_a_claimed_sign_in_time_by_the_one_function(
    query: Query,
) -> None:
    # max_age counts from the time that was claimed (RFC 9470 section 4).
    aged = (
        r"coalesce\(%\(authenticated_at\)s, given\.moment\)"
        r"( as claimed_at| \+ %\(max_age\)s)"
    )
    sql = re.sub(aged, "", query.sql)
    claims = sql.count("%(authenticated_at)s")
    assert sql.count("authority.sign_in_time(%(authenticated_at)s)") == claims
    assert bool(claims) == ("authenticated_at" in query.parameters)
    # A query that takes a moment under another name has to be examined.
    written = re.search(r"insert into authority\.tokens\b[^)]*\)", query.sql)
    if written and "authenticated_at" in written[0] and not claims:
        assert re.search(r"\b(asked|given|verdict)\.authenticated_at\b", query.sql)


@every_query
def test_a_query_qualifies_its_tables_with_the_schema(query: Query) -> None:
    assert " offset " not in query.sql
    names_none = query.path.stem == "server" or full_name(query) in (
        OF_NO_TABLE | OF_THE_CATALOGUE
    )
    assert names_none or "authority." in query.sql


# Updates of a row with a version that do not compare it, and why. Token families are
# exempt: each statement judges them itself, under a lock.
BLIND = {
    "clients.revoke_tokens": "the epoch only grows",
    "consents.narrow": "it only removes scopes",
    "consents.revoke": "it only ends a consent",
    "licenses.set_status": "compares the status: revoked is final",
    "one_time_tokens.redeem": "a token that is used once decides, under a lock",
    "service_accounts.revoke_tokens": "the epoch only grows",
    "tenants.revoke_tokens": "the epoch only grows",
    "tenants.set_status": "compares the status",
    "users.revoke_tokens": "the epoch only grows",
    "users.verify_email": "compares the address",
}


def test_an_update_compares_the_version_that_was_read(
    dba: "psycopg.Connection[Any]",
) -> None:
    versioned = {
        table
        for (table,) in dba.execute(
            "select attrelid::regclass::text from pg_attribute "
            "where attname = 'row_version' and attnum > 0"
        )
    } - {"authority.authorizations"}
    blind = set()
    for query in ALL:
        updated = set(re.findall(r"update (?:/\*.*?\*/ )?(authority\.\w+)", query.sql))
        compared = re.findall(r"\b(\w+)\.row_version = %\(row_version\)s", query.sql)
        if updated & versioned - {f"authority.{table}" for table in compared}:
            blind.add(full_name(query))
    assert blind == set(BLIND)


# Units whose length depends on the calendar and, added to a timestamptz, on the
# session's time zone.
CALENDAR = re.compile(
    r"(?:\binterval\s*)?'[^'\n]*\b(?:days?|weeks?|mon(?:th)?s?|years?)\b[^'\n]*'(?!\w)"
    r"|\b(?:days|weeks|months|years)\s*=>",
    re.I,
)
SQL_FILES = [
    *QUERIES.glob("*.sql"),
    *(QUERIES.parent / "schema" / "migrations").glob("[0-9]*.sql"),
]
# These are about timestamps without a time zone, in UTC: months of the logs, periods of
# licences. The functions set the time zone.
CALENDAR_ON_PURPOSE = {
    ("0027_partition_login_attempts.sql", "months =>"),
    ("0027_partition_login_attempts.sql", "interval '1 month'"),
    ("0047_isolate_audit_events.sql", "interval '1 month'"),
    ("0049_seal_audit_events.sql", "interval '1 month'"),
    ("0050_verify_audit_chains.sql", "interval '1 month'"),
    ("monitoring.sql", "months =>"),
}


def calendar_intervals(sql: str) -> set[str]:
    """Return durations of days or more in executed text, without comments."""
    code = re.sub(r"--.*|^comment on [^;]*?\bis\s+'(?:[^']|'')*';", "", sql, flags=re.M)
    found = {match[0] for match in CALENDAR.finditer(code)}
    return {text for text in found if re.match(r"interval|'\d|\w+\s*=>", text)}


def test_no_duration_depends_on_the_calendar_or_the_sessions_time_zone() -> None:
    found = {
        (path.name, interval)
        for path in SQL_FILES
        for interval in calendar_intervals(path.read_text(encoding="utf-8"))
    }
    assert found == CALENDAR_ON_PURPOSE


def test_a_calendar_duration_is_found() -> None:
    sql = "select authority.clock() + interval '1 day', '2 years'::interval -- '1 day'"
    assert calendar_intervals(sql) == {"interval '1 day'", "'2 years'"}


def files_with(pattern: str) -> list[str]:
    return [
        path.name
        for path in SQL_FILES
        for _ in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]


def test_one_view_defines_an_active_tenant() -> None:
    assert files_with(r"in \('active', 'trial'\)") == ["0006_create_tenants.sql"]


def test_a_condition_that_may_be_null_has_no_default() -> None:
    """`is true`, `is not true` or `is not false` instead: docs/adding_a_query.md."""
    assert (
        files_with(r"coalesce\((?:[^()]|\([^()]*\))*\s(?:true|false|null)\s*\)") == []
    )
