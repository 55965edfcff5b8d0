"""Every storable value can be read, from the first moment to the longest duration."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from authority_queries.codegen.query import Query
from authority_queries.errors import AuthorityError
from tests.isolation.matrix.arguments import (
    argument_sets,
    full_name,
    function_of,
    parameters_of,
)
from tests.isolation.matrix.cases import ALL, Roles
from tests.isolation.matrix.world import World, opened_world

Dba = psycopg.Connection[Any]

FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LAST: Final = datetime(8999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
LONGEST: Final = timedelta(days=36_525)


class Extreme(NamedTuple):
    moment: datetime
    duration: timedelta


EXTREMES: Final = (
    Extreme(FIRST, timedelta(microseconds=1)),
    Extreme(LAST, LONGEST),
)
COLUMNS: Final = """
    select tables.oid::regclass::text, columns.attname, columns.atttypid::regtype::text
    from pg_catalog.pg_class as tables
    inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
    where
        tables.relnamespace = 'authority'::regnamespace
        and tables.relkind in ('r', 'p')
        and not tables.relispartition
        and columns.attnum > 0
        and columns.attgenerated = ''
        and columns.atttypid in ('timestamptz'::regtype, 'interval'::regtype)
    order by tables.relname, columns.attnum desc
"""


def extreme_arguments(query: Query, extreme: Extreme) -> dict[str, object]:
    """Return a query's moments and durations, as extreme as they can be."""
    found: dict[str, object] = {}
    for name, parameter in parameters_of(query).items():
        annotation = str(parameter.annotation)
        if "datetime.datetime" in annotation:
            found[name] = extreme.moment
        elif "timedelta" in annotation:
            found[name] = extreme.duration
    return found


def become(world: World, roles: Roles, query: Query) -> None:
    logins = {
        "authority_maintenance": roles.maintenance,
        "authority_reader": roles.reader,
        "pg_database_owner": "pg_database_owner",
    }
    login = logins.get(query.tags.role or "", roles.app)
    world.dba.execute(
        "select set_config('authority.tenant_id', %s, true), "
        "set_config('role', %s, true)",
        ("" if login == roles.maintenance else str(world.own), login),
    )


def call(
    world: World, roles: Roles, query: Query, values: dict[str, Any], *, keep: bool
) -> str:
    """Call a query as a permitted role, and return its fault: any error but ours."""
    try:
        with world.dba.transaction(force_rollback=not keep):
            become(world, roles, query)
            function_of(query)(world.dba, **values)
            world.dba.execute("reset role")
    except AuthorityError as error:
        return type(error).__name__
    except Exception as error:
        return f"fault: {full_name(query)}: {error!r}"
    return "done"


def store_by_calls(world: World, roles: Roles, extreme: Extreme) -> Iterator[str]:
    rows = world.rows(world.own)
    for query in ALL:
        if extremes := extreme_arguments(query, extreme):
            values = argument_sets(query, rows)[0]
            keep = not query.name.startswith(("prune", "drop"))
            yield call(world, roles, query, {**values, **extremes}, keep=keep)


def store_by_sql(world: World, extreme: Extreme) -> Iterator[str]:
    """Store the extremes in each column of each row that accepts them."""
    for table, column, type_ in world.dba.execute(COLUMNS).fetchall():
        is_duration = type_ == "interval"
        value = extreme.duration if is_duration else extreme.moment
        places = world.dba.execute(SQL("select ctid from {}").format(SQL(table)))
        for (place,) in places.fetchall():
            try:
                with world.dba.transaction():
                    world.dba.execute(
                        SQL("update {} set {} = {} where ctid = {}").format(
                            SQL(table),
                            Identifier(column),
                            Literal(value),
                            Literal(place),
                        )
                    )
            except (psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation):
                continue
            yield f"{table}.{column}"


def read_all(world: World, roles: Roles) -> Iterator[str]:
    rows = world.rows(world.own)
    for query in ALL:
        if full_name(query) == "exports.begin":
            continue  # it begins a transaction of another isolation level
        for values in argument_sets(query, rows):
            yield call(world, roles, query, values, keep=False)


def faults(outcomes: Iterable[str]) -> list[str]:
    return [outcome for outcome in outcomes if outcome.startswith("fault")]


@pytest.mark.one_version
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_every_storable_value_can_be_read_in_every_time_zone(
    dba: Dba, matrix_roles: Roles, zone: str, figures: list[str]
) -> None:
    with opened_world(dba, "strangers") as world:
        world.rows(world.own)
        for extreme in EXTREMES:
            with dba.transaction(force_rollback=True):
                dba.execute(SQL("set local timezone = {}").format(Literal(zone)))
                written = [*store_by_calls(world, matrix_roles, extreme)]
                assert faults([*written, *read_all(world, matrix_roles)]) == []
                columns = {*store_by_sql(world, extreme)}
                assert faults(read_all(world, matrix_roles)) == []
            year = extreme.moment.year
            figures.append(
                f"{year} in {zone}: {written.count('done')} of {len(written)} calls, "
                f"{len(columns)} columns"
            )
            assert written.count("done") > len(written) / 2
            assert len(columns) > len(EXTREMES) * 20


def test_an_unreadable_moment_is_found(dba: Dba, matrix_roles: Roles) -> None:
    with opened_world(dba, "strangers") as world:
        world.rows(world.own)
        with dba.transaction(force_rollback=True):
            dba.execute(
                """
                alter table authority.licenses drop constraint licenses_moments_check;
                update authority.licenses
                set valid_until = '9999-12-31 23:59:59Z', grace = '24 hours'
                """
            )
            found = faults(read_all(world, matrix_roles))
    assert any("licenses.validate" in fault for fault in found)
