"""An error names its constraint, whether the driver has the name in a field or not."""

import re
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.engine.driver_errors import from_driver
from authority_queries.engine.violations import violation_of
from authority_queries.errors import DuplicateError, InUseError, LimitReachedError
from tests.factories import make_tenant, make_user

ROLE = "insert into authority.roles (tenant_id, name, description) values "
VIOLATIONS = [
    (f"{ROLE} (%(tenant)s, 'admin', '')", "roles_tenant_id_name_key"),
    (f"{ROLE} (%(tenant)s, '-', '')", "roles_name_check"),
    (f"{ROLE} (%(nobody)s, 'a', '')", "roles_tenant_id_fk"),
    (f"{ROLE} (%(tenant)s, 'a', null)", ""),
    (
        "insert into authority.user_roles (tenant_id, user_id, role_id) "
        "values (%(tenant)s, %(user)s, %(nobody)s)",
        "user_roles_tenant_id_role_id_fk",
    ),
    (
        "insert into authority.role_permissions "
        "select tenant_id, role_id, 'no:such' from authority.role_permissions limit 1",
        "role_permissions_permission_fk",
    ),
    (
        "delete from authority.roles where tenant_id = %(tenant)s and name = 'admin'",
        "user_roles_tenant_id_role_id_fk",
    ),
    (
        "insert into authority.users (tenant_id, id, username, username_key) "
        "values (%(tenant)s, %(user)s, 'bo', 'bo')",
        "users_tenant_id_id_pk",
    ),
]


@pytest.fixture
def ids(store: Store) -> dict[str, UUID]:
    """A tenant and a user who holds its role `admin`."""
    tenant = make_tenant(store)
    user = make_user(store, tenant.id, username="ann")
    role = store.roles.get_by_name(tenant_id=tenant.id, name="admin")
    assert role is not None
    store.user_roles.assign(tenant_id=tenant.id, user_id=user.id, role_id=role.id)
    return {"tenant": tenant.id, "user": user.id, "nobody": uuid4()}


def without_fields(error: psycopg.Error) -> psycopg.Error:
    """Return the error of a shard: its message with the shard's number in each name."""
    message = re.sub(r'"(\w+_\w+|roles|users)"', r'"\1_102008"', str(error))
    return type(error)(message)


@pytest.mark.parametrize(("statement", "constraint"), VIOLATIONS)
def test_a_message_has_the_names_of_the_fields(
    statement: str,
    constraint: str,
    ids: dict[str, UUID],
    dba: "psycopg.Connection[Any]",
) -> None:
    with pytest.raises(psycopg.IntegrityError) as caught:
        dba.execute(statement.encode(), ids)
    expected = violation_of(caught.value)
    assert expected.constraint == constraint
    assert expected.table
    told = without_fields(caught.value)
    assert "_102008" in str(told)
    assert violation_of(told) == expected
    assert str(from_driver(told, "q")) == str(from_driver(caught.value, "q"))


def test_a_value_in_the_details_is_no_name() -> None:
    error = psycopg.errors.UniqueViolation(
        'duplicate key value violates unique constraint "users_tenant_id_email_key"\n'
        'DETAIL:  Key (email)=("their_key") already exists.'
    )
    assert violation_of(error) == ("users", "", "users_tenant_id_email_key")


def test_errors_of_a_shard_have_their_classes() -> None:
    used = psycopg.errors.CheckViolation(
        'new row for relation "license_usage_totals_102131" violates check constraint '
        '"license_usage_totals_used_check"'
    )
    assert isinstance(from_driver(used, "license_usage.record"), LimitReachedError)
    deleted = psycopg.errors.ForeignKeyViolation(
        'update or delete on table "roles_102016" violates foreign key constraint '
        '"user_roles_tenant_id_role_id_fk_102024" on table "user_roles_102024"'
    )
    refused = from_driver(deleted, "roles.delete")
    assert isinstance(refused, InUseError)
    assert "rows of user_roles still refer to it by role_id" in str(refused)
    again = psycopg.errors.UniqueViolation(
        "duplicate key value violates unique constraint "
        '"users_tenant_id_username_key_key_102020"'
    )
    duplicate = from_driver(again, "users.create", ("username_key",))
    assert isinstance(duplicate, DuplicateError)
    assert duplicate.argument == "username_key"
    assert "users has another row with this username_key" in str(duplicate)
    of_no_tenant = psycopg.errors.UniqueViolation(
        'duplicate key value violates unique constraint "tenants_code_key"'
    )
    assert "the table has another row" in str(from_driver(of_no_tenant, "q"))
