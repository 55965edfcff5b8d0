"""A file that is reviewed lists all privileges: schema/privileges.txt."""

from typing import Any

import psycopg
import pytest

from tools.snapshot import PRIVILEGES, privileges

CHANGES = {
    "grant delete on authority.tokens to authority_app": (
        "    authority_app: delete, insert, select, update\n"
    ),
    "grant select (payload, nonce) on authority.tokens to authority_reader": "nonce",
    "grant select on authority.users to public": "    PUBLIC: select\n",
    "grant usage on schema authority to authority_app with grant option": (
        "    authority_app: usage, and may grant it\n"
    ),
    "alter function authority.find_tenant(text) security invoker": (
        "    owner pg_database_owner, runs as its caller\n"
    ),
    "alter table authority.users no force row level security": (
        "    owner pg_database_owner, row security on\n"
    ),
    "alter view authority.live_tokens reset (security_invoker)": "reads as its owner\n",
    "alter policy tenants_owner_policy on authority.tenants to authority_app": (
        "    policy tenants_owner_policy: permissive, for select, to authority_app\n"
    ),
    "alter role authority_app bypassrls": (
        "    authority_app: no login, no superuser, bypasses row security\n"
    ),
    "grant authority_app to authority_maintenance": (
        "    authority_maintenance: a member of authority_app\n"
    ),
    """
    alter default privileges for role pg_database_owner in schema authority
    grant select on tables to authority_reader
    """: "\ndefault privileges pg_database_owner\n    r authority_reader: select\n",
}


def committed() -> str:
    return PRIVILEGES.read_text(encoding="utf-8")


def test_the_privileges_file_matches_the_migrations(
    dba: "psycopg.Connection[Any]",
) -> None:
    assert committed() == privileges(dba), "make snapshot"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change.split()))
def test_a_changed_privilege_is_found(
    change: str, dba: "psycopg.Connection[Any]"
) -> None:
    with dba.transaction(force_rollback=True):
        dba.execute(change.encode())
        found = privileges(dba)
    assert CHANGES[change] in found
    assert found != committed()


def test_monthly_partitions_are_omitted(dba: "psycopg.Connection[Any]") -> None:
    partitions = "select count(*) from pg_inherits"
    assert dba.execute(partitions).fetchone() != (1,)
    assert "login_attempts_y" not in privileges(dba)
    assert "\ntable authority.login_attempts_default\n" in privileges(dba)
