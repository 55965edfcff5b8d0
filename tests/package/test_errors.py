from typing import Any

import psycopg
import pytest

from authority_queries import Store, constraint_errors
from authority_queries import errors as package_errors
from authority_queries.engine.driver_errors import from_driver
from authority_queries.errors import (
    AuthorityError,
    ConstraintError,
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    LimitReachedError,
)
from tests.factories import make_tenant, make_user

KINDS = {"p": "UniqueViolation", "u": "UniqueViolation", "c": "CheckViolation"}


def test_all_errors_have_one_base_class() -> None:
    own = [value for value in vars(package_errors).values() if isinstance(value, type)]
    assert len(own) > 10
    assert all(issubclass(error, AuthorityError) for error in own)


def test_every_rule_is_a_constraint_of_the_schema(
    dba: "psycopg.Connection[Any]",
) -> None:
    found = dba.execute(
        "select conname from pg_constraint where conname = any(%(names)s) "
        # A trigger that counts rows raises its own name as the constraint.
        "union select tgname from pg_trigger where tgname = any(%(names)s)",
        {"names": list(constraint_errors._RULES)},
    ).fetchall()
    assert {name for (name,) in found} == set(constraint_errors._RULES)


def test_the_message_names_the_constraint_and_no_value(store: Store) -> None:
    tenant = make_tenant(store)
    make_user(store, tenant.id, username="swordfish")
    with pytest.raises(DuplicateError) as caught:
        make_user(store, tenant.id, username="Swordfish")
    assert str(caught.value) == (
        "users.create: users has another row with this username_key "
        "(users_tenant_id_username_key_key)"
    )
    assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)


def test_a_value_that_postgresql_cannot_hold_is_refused(store: Store) -> None:
    tenant = make_tenant(store)
    for text in ("nul\0", "half a character \ud800", "x" * 257):
        with pytest.raises(InvalidArgumentError, match="display_name must ") as refused:
            make_user(store, tenant.id, display_name=text)
        assert (refused.value.argument, refused.value.query) == (
            "display_name",
            "users.create",
        )


def test_nothing_is_written_when_a_row_is_refused(store: Store) -> None:
    tenant = make_tenant(store)
    with pytest.raises(ConstraintError):
        store.roles.create(tenant_id=tenant.id, name="x", permissions=["no:such"])
    assert store.roles.get_by_name(tenant_id=tenant.id, name="x") is None


def test_an_error_without_a_class_is_psycopgs_own(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    assert from_driver(psycopg.OperationalError("gone"), "users.create") is None
    dba.execute("alter table authority.tenants rename to elsewhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        make_tenant(store)


def test_an_error_of_the_server_is_not_an_invalid_value(
    dba: "psycopg.Connection[Any]",
) -> None:
    trouble = ("08", "25", "3D", "40", "53", "54", "55", "57", "58", "F0", "HV", "XX")
    kinds = {
        value
        for value in vars(psycopg.errors).values()
        if str(getattr(value, "sqlstate", None)).startswith(trouble)
    }
    named = {kind for kind in kinds if from_driver(kind(), "users.create") is not None}
    assert len(kinds) > 50
    assert named == {
        psycopg.errors.InFailedSqlTransaction,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.SerializationFailure,
    }
    dba.execute("create table public.texts as select ''::text as it")
    dba.execute("create index on public.texts (it)")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded) as caught:
        dba.execute(
            "update public.texts set it = (select string_agg(sha256(n::text::bytea)"
            "::text, '') from generate_series(1, 200) as n)"
        )
    assert isinstance(from_driver(caught.value, "texts.set"), InvalidValueError)


def test_a_limit_is_a_constraint_error() -> None:
    assert issubclass(LimitReachedError, ConstraintError)
