"""The rows that policies let through, for every table and every login."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from authority_queries import Store
from authority_queries.errors import NotFoundError, PermissionDeniedError
from tests.factories import PHC
from tests.isolation.probes import DENIED, changed, inserted, moved, seen, weaken
from tests.isolation.tenant_rows import (
    Tenants,
    fill_tenants,
    insert,
    set_tenant,
    sqlstate,
    writable,
)
from tests.stores import Logins

LOGINS = pytest.mark.parametrize("login", ["app", "reader"])

# Invalid values of the tenant's setting, made from a tenant that has rows.
MALFORMED: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "a letter": lambda _: "x",
    "upper case": str.upper,
    "in braces": lambda tenant: f"{{{tenant}}}",
    "a URN": lambda tenant: f"urn:uuid:{tenant}",
    "without dashes": lambda tenant: tenant.replace("-", ""),
    "dashes elsewhere": lambda tenant: tenant.replace("-", "")[:32] + "----",
    "a dash too many": lambda tenant: f"-{tenant[1:]}",
    "dashes": lambda _: "-" * 36,
    "no hexadecimal digits": lambda tenant: f"g{tenant[1:]}",
    "digits of another script": lambda tenant: f"\N{FULLWIDTH DIGIT ONE}{tenant[1:]}",
    "a space before": lambda tenant: f" {tenant}",
    "a line after": lambda tenant: f"{tenant}\n",
    "a pattern": lambda tenant: f"%{tenant[1:]}",
    "underscores": lambda _: "________-____-____-____-____________",
    "two": lambda tenant: f"{tenant},{tenant}",
    "an injection": lambda tenant: f"{tenant}' or true --",
    "a megabyte": lambda tenant: tenant * 30_000,
    "unknown": lambda _: str(uuid4()),
}


@pytest.fixture
def tenants(dba: "psycopg.Connection[Any]") -> Tenants:
    return fill_tenants(dba)


@contextmanager
def opened(logins: Logins, login: str) -> "Iterator[psycopg.Connection[Any]]":
    with psycopg.connect(getattr(logins, login), autocommit=True) as connection:
        yield connection


@LOGINS
def test_a_session_without_a_tenant_reads_and_writes_nothing(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    with opened(logins, login) as connection:
        found = connection.execute(
            "select current_setting('authority.tenant_id', true)"
        )
        assert found.fetchone() == (None,)
        assert seen(connection, tenants) == []
        assert inserted(connection, tenants, tenants.own) == []
        assert changed(connection, tenants) == []


@LOGINS
def test_a_session_with_an_invalid_tenant_reads_and_writes_nothing(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    with opened(logins, login) as connection:
        for name, make in MALFORMED.items():
            value = make(str(tenants.own))
            assert value != str(tenants.own)
            set_tenant(connection, value)
            assert seen(connection, tenants) == [], name
            assert inserted(connection, tenants, tenants.own) == [], name
            assert changed(connection, tenants) == [], name


@LOGINS
def test_a_session_of_a_tenant_reads_only_its_rows(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    with opened(logins, login) as connection:
        for tenant in (tenants.own, tenants.foreign):
            set_tenant(connection, tenant)
            for table in tenants.tables:
                query = table.statement("select {column} from {table}")
                rows = connection.execute(query).fetchall()
                assert rows == [(tenant,)] * tenants.count(table, tenant), table.name
                assert rows, table.name


@LOGINS
def test_a_session_of_a_tenant_writes_no_row_of_another_tenant(
    login: str, tenants: Tenants, logins: Logins
) -> None:
    with opened(logins, login) as connection:
        set_tenant(connection, tenants.own)
        assert inserted(connection, tenants, tenants.foreign) == []
        assert moved(connection, tenants) == []


def test_a_policy_that_reads_all_is_found_for_each_table(
    tenants: Tenants, logins: Logins
) -> None:
    names = weaken(tenants, "using (true) with check (true)")
    with opened(logins, "app") as connection:
        assert seen(connection, tenants) == names
        # A service may neither change nor delete these at all.
        append_only = {
            "audit_chains",
            "audit_events",
            "license_usage",
            "login_attempts",
            "revocations",
            "session_clients",
        }
        assert set(changed(connection, tenants)) == set(names) - append_only


def test_a_policy_that_writes_all_is_found_for_each_table(
    tenants: Tenants, logins: Logins
) -> None:
    names = weaken(tenants, "with check (true)")
    with opened(logins, "app") as connection:
        set_tenant(connection, tenants.own)
        not_the_services = {"audit_chains", "tenants"}
        found = inserted(connection, tenants, tenants.foreign)
        assert set(found) == set(names) - not_the_services
        updated = [
            table.name
            for table in tenants.tables
            if table.tenant_column in writable(connection, table, "UPDATE")
        ]
        # A service may not change the tenant of a row in the other tables.
        assert updated == ["clients", "service_accounts"]
        assert moved(connection, tenants) == updated


def test_a_row_of_an_unknown_tenant_cannot_be_inserted(
    tenants: Tenants, logins: Logins
) -> None:
    unknown = uuid4()
    with opened(logins, "app") as connection:
        set_tenant(connection, unknown)
        table = next(table for table in tenants.tables if table.name == "clients")
        row = {**tenants.row(table, tenants.own), "tenant_id": str(unknown)}
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            insert(connection, table, row)


def test_a_repository_without_a_tenant_finds_nothing(
    tenants: Tenants, logins: Logins
) -> None:
    own = tenants.own
    ids = tenants.row(
        next(table for table in tenants.tables if table.name == "users"), own
    )
    with opened(logins, "app") as connection:
        store = Store(connection)
        calls: list[Callable[[], object]] = [
            lambda: store.users.create(tenant_id=own, username="eve"),
            lambda: store.roles.create(tenant_id=own, name="evil"),
            lambda: store.scopes.create(tenant_id=own, name="evil"),
            lambda: store.service_accounts.create(tenant_id=own, account_id="evil"),
            lambda: store.clients.create(
                tenant_id=own, client_id="evil", client_type="public"
            ),
            lambda: store.licenses.create(
                tenant_id=own, key_hash=bytes(32), plan="free"
            ),
            lambda: store.revocations.publish(
                tenant_id=own, category="subject", target="ann", reason="evil"
            ),
            lambda: store.login_attempts.record(
                tenant_id=own, username="ann", outcome="succeeded"
            ),
        ]
        for call in calls:
            with pytest.raises(PermissionDeniedError, match="works for another tenant"):
                call()
        user_id = UUID(ids["id"])
        assert store.users.get_by_id(tenant_id=own, user_id=user_id) is None
        assert not store.users.delete(tenant_id=own, user_id=user_id)
        with pytest.raises(NotFoundError):
            store.users.set_password_hash(
                tenant_id=own, user_id=user_id, row_version=1, password_hash=PHC
            )


def test_operators_read_all_tenants_only_where_a_policy_allows_it(
    tenants: Tenants, logins: Logins
) -> None:
    query = "select tablename from pg_policies where roles = '{authority_maintenance}'"
    operated = {name for (name,) in tenants.dba.execute(query)}
    assert len(operated) == 19
    # Operators write these when they create a tenant, and read none.
    operated -= {"role_permissions", "scopes"}
    with opened(logins, "maintenance") as connection:
        for table in tenants.tables:
            select = table.statement("select distinct {column} from {table}")
            if table.name in operated:
                rows = connection.execute(select).fetchall()
                assert sorted(rows) == sorted([(tenants.own,), (tenants.foreign,)])
            else:
                assert sqlstate(connection, select) == DENIED, table.name


@pytest.mark.parametrize(
    ("lock", "write"),
    [
        (
            "select from authority.authorizations for update",
            "update authority.authorizations set properties = default",
        ),
        (
            "select from authority.tokens for update",
            "update authority.tokens set properties = default",
        ),
        (
            "select from authority.revocations for update",
            "update authority.revocations set properties = default",
        ),
        (
            "select from authority.device_authorizations for update",
            "update authority.device_authorizations set updated_at = default",
        ),
        (
            "select from authority.one_time_tokens for update",
            "update authority.one_time_tokens set used_at = default",
        ),
        (
            "select from authority.signing_keys for update",
            "update authority.signing_keys set updated_at = default",
        ),
        (
            "select from authority.login_throttles for update",
            "update authority.login_throttles set updated_at = default",
        ),
        (
            "select from authority.pushed_requests for update",
            "update authority.pushed_requests set redeemed_at = default",
        ),
        (
            "select from authority.used_jtis for update",
            "update authority.used_jtis set expires_at = expires_at",
        ),
        (
            "select from authority.consents for update",
            "update authority.consents set properties = default",
        ),
        (
            "select from authority.user_roles for update",
            "update authority.user_roles set created_at = default",
        ),
        (
            "select from authority.license_usage for update",
            "update authority.license_usage set created_at = default",
        ),
    ],
)
def test_operators_lock_prunable_rows_and_write_nothing(
    lock: str, write: str, tenants: Tenants, logins: Logins
) -> None:
    table = write.split()[1].removeprefix("authority.")
    with opened(logins, "maintenance") as connection:
        assert len(connection.execute(lock.encode()).fetchall()) >= 2
        assert sqlstate(connection, write) == DENIED
        set_tenant(connection, tenants.own)
        assert sqlstate(connection, write) == DENIED
        without = f"drop policy {table}_lock_policy on authority.{table}"
        tenants.dba.execute(without.encode())
        assert connection.execute(write.encode()).rowcount >= 2


def test_a_policy_is_evaluated_once_a_scan_and_uses_the_index(
    tenants: Tenants, logins: Logins
) -> None:
    with opened(logins, "app") as connection:
        connection.execute("set enable_seqscan = off")
        set_tenant(connection, tenants.own)
        for table in tenants.tables:
            query = table.statement("explain select {column} from {table}")
            plan = "\n".join(line for (line,) in connection.execute(query))
            assert "Filter: " not in plan, plan
            assert "InitPlan" not in plan, plan
            assert f"Cond: ({table.tenant_column} = " in plan, plan


@pytest.mark.parametrize("table", ["roles", "scopes"])
def test_a_tenant_neither_writes_nor_deletes_system_rows(
    table: str, tenants: Tenants, logins: Logins
) -> None:
    """The policies refuse it, whatever the role may write."""

    def about(statement: LiteralString) -> str:
        name = SQL(statement).format(Identifier("authority", table))
        return name.as_string(tenants.dba)

    add = about("insert into {} (tenant_id, name, is_system) values (%s, %s, %s)")
    count = about("select count(*) from {} where is_system").encode()
    tenants.dba.execute(about("grant all on {} to authority_app").encode())
    tenants.dba.execute(add.encode(), [tenants.own, "base", True])
    with opened(logins, "app") as connection:
        set_tenant(connection, tenants.own)
        connection.execute(add.encode(), [tenants.own, "own", False])
        assert connection.execute(count).fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(add.encode(), [tenants.own, "system", True])
        promote = about("update {} set is_system = true where name = 'own'")
        assert sqlstate(connection, promote) == DENIED
        demote = about("update {} set is_system = false where is_system")
        for statement in (demote, about("delete from {} where is_system")):
            assert connection.execute(statement.encode()).rowcount == 0
        assert connection.execute(count).fetchone() == (1,)
