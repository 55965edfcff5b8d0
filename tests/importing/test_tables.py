"""The tables of entries are those of the database."""

import pytest

from authority_queries.importing.writing.tables import TABLES, Table
from tests.operations.moving import Place

# Columns that an import leaves to the database, besides tenant_id.
LEFT_OUT = {"row_version"}
ALL = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)

pytestmark = pytest.mark.one_version


@ALL
def test_an_entry_has_every_column(home: Place, table: Table) -> None:
    stored = home.dba.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 "
        "and not attisdropped and attgenerated = ''",
        (f"authority.{table.name}",),
    )
    expected = {name for (name,) in stored} - {"tenant_id", *LEFT_OUT}
    assert {*table.columns} == expected


@ALL
def test_a_key_is_unique(home: Place, table: Table) -> None:
    keys = home.dba.execute(
        "select array(select attname from pg_attribute where attrelid = indrelid "
        "and attnum = any(indkey)) from pg_index where indrelid = %s::regclass "
        "and indisunique and indpred is null",
        (f"authority.{table.name}",),
    )
    own = set() if table.name == "tenants" else {"tenant_id"}
    assert {*table.key} | own in [set(names) for (names,) in keys]


@ALL
def test_a_table_follows_those_that_it_references(home: Place, table: Table) -> None:
    referenced = home.dba.execute(
        "select relname from pg_constraint inner join pg_class on confrelid = "
        "pg_class.oid where conrelid = %s::regclass and contype = 'f'",
        (f"authority.{table.name}",),
    )
    names = [each.name for each in TABLES.values()]
    before = {*names[: names.index(table.name)]}
    assert {name for (name,) in referenced} - {"permissions"} <= before
