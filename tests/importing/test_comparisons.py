"""`store.comparisons`: rows by the names that another store knows."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from authority_queries import Store
from authority_queries.engine.json_types import JsonValue
from authority_queries.errors import InvalidValueError
from authority_queries.importing.writing.tables import TABLES, Table
from authority_queries.records import ListedKeys
from tests.isolation.matrix.world import FOREIGN, OWN, fill, tenant_id
from tests.operations.moving import Place

ACME = tenant_id(OWN)


@pytest.fixture(scope="module")
def filled(home: Place) -> Place:
    """Two tenants with rows in every table."""
    with home.dba.transaction():
        fill(home.dba, code=FOREIGN, extent=2, ids="ffffffff")
        fill(home.dba, code=OWN, extent=2, ids="aaaaaaaa")
    return home


@pytest.fixture
def store(filled: Place) -> Iterator[Store]:
    """A store of the owner of the database."""
    with psycopg.connect(filled.owner, autocommit=True) as connection:
        yield Store(connection)


def plain(value: JsonValue) -> Any:
    """A JSON value whose shape the test knows."""
    return value


def pages(store: Store, table: Table, size: int) -> Iterator[ListedKeys]:
    after = None
    while True:
        page = store.comparisons.list_row_keys(
            tenant_id=ACME,
            table_name=table.name,
            key_columns=table.key,
            after=after,
            page_size=size,
        )
        if not page.listed:
            return
        yield page
        after = page.last_key


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_listed_keys_find_all_rows_of_the_tenant(
    filled: Place, store: Store, table: Table
) -> None:
    column = "id" if table.name == "tenants" else "tenant_id"
    query = f"select count(*) from authority.{table.name} where {column} = %s"  # noqa: S608 -- a name of ours
    counted = filled.dba.execute(query.encode(), (ACME,)).fetchone()
    keys = [
        [str(text) for text in each[0]]
        for page in pages(store, table, 1)
        for each in plain(page.keys)
    ]
    assert counted == (len(keys),)
    assert keys
    found = store.comparisons.read_rows(
        tenant_id=ACME, table_name=table.name, key_columns=table.key, keys=keys
    )
    assert [row.number for row in found] == [*range(1, len(keys) + 1)]
    stored = {*table.fields.values()}
    assert all(stored <= plain(row.found).keys() for row in found)
    # Not those of the other tenant, and not those of nobody.
    nobody = store.comparisons.read_rows(
        tenant_id=tenant_id("nobody"),
        table_name=table.name,
        key_columns=table.key,
        keys=keys,
    )
    assert [*nobody] == []


def test_names_replace_ids_in_rows_and_keys(store: Store) -> None:
    [page, *_] = pages(store, TABLES["user_role"], 1)
    [[(user, role), _, is_system, expires_at, primary_key]] = plain(page.keys)
    [row] = store.comparisons.read_rows(
        tenant_id=ACME,
        table_name="user_roles",
        key_columns=["user_id", "role_id"],
        keys=[[user, role]],
    )
    found = plain(row.found)
    assert (found["user_id"], found["role_id"]) == (user, role)
    assert primary_key.keys() == {"tenant_id", "user_id", "role_id"}
    assert primary_key["user_id"] != user
    assert is_system is False
    assert expires_at == found["expires_at"]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("permissions", ["name"]),
        ("users", ["nothing"]),
        ("users where true --", ["id"]),
        ("users", ["id; select"]),
    ],
)
def test_unknown_tables_and_columns_are_refused(
    store: Store, table: str, columns: list[str]
) -> None:
    with pytest.raises(InvalidValueError):
        store.comparisons.read_rows(
            tenant_id=ACME, table_name=table, key_columns=columns, keys=[["x"]]
        )
    with pytest.raises(InvalidValueError):
        store.comparisons.list_row_keys(
            tenant_id=ACME, table_name=table, key_columns=columns
        )


@pytest.mark.parametrize("login", ["app", "maintenance", "reader"])
def test_only_the_owner_executes_the_functions(filled: Place, login: str) -> None:
    calls = [
        "select authority.read_rows(%s, 'users', '{subject_id}', '[[\"x\"]]')",
        "select authority.list_row_keys(%s, 'users', '{subject_id}', null, 1)",
    ]
    with psycopg.connect(getattr(filled.logins, login), autocommit=True) as session:
        for call in calls:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(call.encode(), (ACME,))
