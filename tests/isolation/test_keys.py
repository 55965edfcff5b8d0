"""Keys: no row refers to another tenant's, and no error shows what it has."""

import re
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from authority_queries import Store
from authority_queries.errors import DuplicateError, MissingReferenceError
from tests.isolation.keys import (
    Key,
    foreign_keys_of,
    keys_of,
    renewed,
    table_named,
    unique_keys_of,
)
from tests.isolation.tenant_rows import Row, Tenants, fill_tenants, insert, set_tenant
from tests.stores import Logins

# A row has a user or a service account, not both; only an access token without a family
# was exchanged, for others.
_BESIDE: dict[str, Row] = {
    "user_id": {"service_account_id": None},
    "service_account_id": {"user_id": None, "consent_id": None},
    "subject_authorization_id": {
        "type": "access",
        "authorization_id": None,
        "exchanged_from": [str(uuid4())],
        "redirect_uri": None,
    },
}


@pytest.fixture
def tenants(dba: "psycopg.Connection[Any]") -> Tenants:
    """Two tenants, each with ids of its own."""
    return fill_tenants(dba)


@pytest.fixture
def twins(dba: "psycopg.Connection[Any]") -> Tenants:
    """Two tenants whose ids, names and hashes are equal: only tenant_id differs."""
    tenants = fill_tenants(dba, twins=True)
    # The only name that tenant.sql makes different.
    dba.execute("update authority.users set subject_id = 'sub'")
    return tenants


@pytest.fixture
def app(logins: Logins) -> Any:
    with psycopg.connect(logins.app, autocommit=True) as connection:
        yield connection


def pointing_away(tenants: Tenants, key: Key) -> Row:
    """Copy a row of the own tenant, whose one key names a row of the other tenant."""
    table = table_named(tenants, key.own)
    row = renewed(tenants, table, tenants.row(table, tenants.own))
    foreign = tenants.row(table_named(tenants, key.other), tenants.foreign)
    shared = {
        column
        for other in foreign_keys_of(tenants.dba)
        if other.own == key.own and set(other.own_columns) < set(key.own_columns)
        for column in other.own_columns
    }
    names = dict(zip(key.own_columns, key.other_columns, strict=True))
    away = {own: foreign[name] for own, name in names.items() if own not in shared}
    assert away, key.name
    return {**row, **beside(key, row), **away}


def beside(key: Key, row: Row) -> Row:
    """Return the values that a row with this key needs in other columns."""
    needed = {
        column: value
        for name in key.own_columns
        for column, value in _BESIDE.get(name, {}).items()
    }
    return {column: needed[column] for column in needed if column in row}


def errors_of(
    connection: "psycopg.Connection[Any]", tenants: Tenants, table: str, row: Row
) -> psycopg.Error | None:
    try:
        with connection.transaction(force_rollback=True):
            insert(connection, table_named(tenants, table), row)
    except psycopg.Error as error:
        return error
    return None


def text_of(error: psycopg.Error) -> str:
    """Return all text that PostgreSQL sends with an error."""
    diag = error.diag
    parts = (diag.message_primary, diag.message_detail, diag.message_hint, diag.context)
    return " ".join([str(error), *(part or "" for part in parts)])


def reached(tenants: Tenants, app: "psycopg.Connection[Any]") -> list[str]:
    """Return the foreign keys that accept a reference to another tenant's row."""
    set_tenant(app, tenants.own)
    found = []
    for key in foreign_keys_of(tenants.dba):
        error = errors_of(app, tenants, key.own, pointing_away(tenants, key))
        if error is None or error.diag.constraint_name != key.name:
            found.append(key.name)
            continue
        assert isinstance(error, psycopg.errors.ForeignKeyViolation)
        # Row-level security withholds even the values that the caller sent.
        assert error.diag.message_detail == (
            f'Key is not present in table "{key.other}".'
        )
    return found


def test_no_foreign_key_accepts_another_tenants_row(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    assert len(foreign_keys_of(tenants.dba)) >= 10
    assert reached(tenants, app) == []


def test_foreign_keys_accept_the_same_rows_of_the_own_tenant(
    tenants: Tenants,
) -> None:
    for key in foreign_keys_of(tenants.dba):
        table = table_named(tenants, key.own)
        own = tenants.row(table_named(tenants, key.other), tenants.own)
        names = zip(key.own_columns, key.other_columns, strict=True)
        near = {column: own[name] for column, name in names}
        row = {**pointing_away(tenants, key), **near}
        with tenants.dba.transaction(force_rollback=True):
            statement = table.statement("delete from {table} where {column} = %s")
            tenants.dba.execute(statement, (tenants.own,))
            assert insert(tenants.dba, table, row) == 1, key.name


def test_a_foreign_key_without_its_tenant_is_found(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    tenants.dba.execute("""
        alter table authority.roles add constraint roles_id_key unique (id);
        alter table authority.user_roles
        drop constraint user_roles_tenant_id_role_id_fk,
        add constraint user_roles_tenant_id_role_id_fk
        foreign key (role_id) references authority.roles (id)
    """)
    assert reached(tenants, app) == ["user_roles_tenant_id_role_id_fk"]


def test_a_repository_treats_another_tenants_row_as_missing(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    user, role, foreign_role = (
        UUID(tenants.row(table_named(tenants, name), tenant)["id"])
        for name, tenant in (
            ("users", tenants.own),
            ("roles", tenants.own),
            ("roles", tenants.foreign),
        )
    )
    set_tenant(app, tenants.own)
    user_roles = Store(app).user_roles
    with pytest.raises(MissingReferenceError) as caught:
        user_roles.assign(tenant_id=tenants.own, user_id=user, role_id=foreign_role)
    assert str(foreign_role) not in str(caught.value)
    unknown = UUID(int=1)
    with pytest.raises(MissingReferenceError) as likewise:
        user_roles.assign(tenant_id=tenants.own, user_id=user, role_id=unknown)
    assert str(likewise.value) == str(caught.value)
    assert user_roles.assign(tenant_id=tenants.own, user_id=user, role_id=role)


def test_every_key_may_repeat_in_another_tenant(twins: Tenants) -> None:
    keys = unique_keys_of(twins.dba)
    assert len(keys) >= 25
    for key in keys:
        own, foreign = (
            names_in(twins, key, tenant) for tenant in (twins.own, twins.foreign)
        )
        assert own & foreign, key.name


def test_a_key_without_its_tenant_is_found_by_filling_twins(
    dba: "psycopg.Connection[Any]",
) -> None:
    dba.execute("create unique index on authority.users (email)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        fill_tenants(dba, twins=True)


def test_the_error_of_a_duplicate_contains_no_value(
    twins: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    set_tenant(app, twins.own)
    refused = set()
    for key in unique_keys_of(twins.dba):
        if key.own in {"audit_chains", "audit_events"}:
            continue  # services choose no key of these
        row = twins.row(table_named(twins, key.own), twins.own)
        error = errors_of(app, twins, key.own, row)
        assert isinstance(error, psycopg.errors.UniqueViolation), key.name
        refused.add(error.diag.constraint_name)
        assert error.diag.message_detail is None
        values = [str(row[name]) for name in key.own_columns if row[name] is not None]
        assert [value for value in values if _says(error, value)] == [], key.name
    assert len(refused) > 10


def _says(error: psycopg.Error, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text_of(error)) is not None


def test_a_superuser_gets_the_values_of_a_duplicate(twins: Tenants) -> None:
    row = twins.row(table_named(twins, "users"), twins.own)
    error = errors_of(twins.dba, twins, "users", row)
    assert error is not None
    assert _says(error, row["id"])


def test_the_error_of_a_failing_check_contains_no_value_of_the_row(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    set_tenant(app, tenants.own)
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        app.execute("update authority.users set status = 'lost'")
    assert caught.value.diag.message_detail is None
    assert "ann@example.com" not in text_of(caught.value)


def test_the_code_is_the_only_key_that_all_tenants_share(
    tenants: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    """A taken code can be detected, as by find_tenant, but not its owner."""
    set_tenant(app, tenants.own)
    code = tenants.row(table_named(tenants, "tenants"), tenants.foreign)["code"]
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        app.execute("update authority.tenants set code = %s", (code,))
    assert caught.value.diag.message_detail is None
    assert code not in text_of(caught.value)
    assert str(tenants.foreign) not in text_of(caught.value)


def test_a_duplicate_error_names_the_key_and_no_value(
    twins: Tenants, app: "psycopg.Connection[Any]"
) -> None:
    set_tenant(app, twins.own)
    with pytest.raises(DuplicateError) as caught:
        Store(app).users.create(tenant_id=twins.own, username="ANN")
    assert caught.value.constraint == "users_tenant_id_username_key_key"
    assert "ann" not in str(caught.value).lower().split()


def test_a_cascade_stays_in_its_tenant(twins: Tenants) -> None:
    keys = [key for key in foreign_keys_of(twins.dba) if key.cascades]
    assert len(keys) >= 10
    for key in keys:
        own = table_named(twins, key.own)
        before = twins.foreign_rows()
        with twins.dba.transaction(force_rollback=True):
            for name in (*holding(twins, key), key.other):
                statement = table_named(twins, name).statement(
                    "delete from {table} where {column} = %s"
                )
                twins.dba.execute(statement, (twins.own,))
            assert names_in(twins, key, twins.own) == set(), key.name
            assert twins.foreign_rows() == before, key.name
            assert twins.count(own, twins.foreign) > 0


def names_in(tenants: Tenants, key: Key, tenant: UUID) -> set[tuple[object, ...]]:
    """Return a tenant's values in the columns of a key, where none is null."""
    columns = sql.SQL(", ").join(map(sql.Identifier, key.own_columns))
    query = sql.SQL("select {columns} from {table} where tenant_id = %s").format(
        columns=columns if key.own_columns else sql.SQL("true"),
        table=sql.Identifier("authority", key.own),
    )
    rows = tenants.dba.execute(query, (tenant,)).fetchall()
    return {row for row in rows if None not in row}


def holding(tenants: Tenants, key: Key) -> list[str]:
    """Return the tables whose rows block a deletion of rows that this key refers to."""
    return [
        other.own
        for other in foreign_keys_of(tenants.dba)
        if other.other == key.other and not other.cascades
    ]


def test_the_tests_know_every_kind_of_key(
    dba: "psycopg.Connection[Any]",
) -> None:
    known = {key.name for key in keys_of(dba)}
    query = """
        select conname::text, conrelid::regclass::text, confrelid::regclass::text
        from pg_constraint
        where connamespace = 'authority'::regnamespace and conparentid = 0
        and contype in ('f', 'x') and conname <> all(%s)
    """
    assert dba.execute(query, (list(known),)).fetchall() == []
    outer = [key.name for key in keys_of(dba) if key.kind == "outer"]
    query = "select distinct confrelid::regclass::text from pg_constraint "
    query += "where conname = any(%s) order by 1"
    others = dba.execute(query.encode(), (outer,)).fetchall()
    assert others == [("authority.permissions",), ("authority.tenants",)]
