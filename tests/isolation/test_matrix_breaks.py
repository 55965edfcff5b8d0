"""The matrix can fail: it names each missing predicate, policy, row and argument."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from authority_queries.codegen.query import Query
from tests.isolation.matrix import arguments
from tests.isolation.matrix.arguments import (
    UnknownArgumentError,
    argument_sets,
    full_name,
)
from tests.isolation.matrix.cases import (
    ALL,
    BYPASS,
    Roles,
    all_cases,
    is_of_a_tenant,
)
from tests.isolation.matrix.judging import (
    leaks_of,
)
from tests.isolation.matrix.mutants import BOUND, without_all, without_one
from tests.isolation.matrix.world import Kind, opened_world, tables_without
from tests.isolation.test_matrix import uncontrolled

pytestmark = pytest.mark.one_version

_KINDS: tuple[Kind, ...] = ("strangers", "twins")
_TWICE = "another predicate of the query binds its rows to the tenant"
_EXAMINED = "the ids that it looks up are of rows of the tenant"
_NAMESAKE = "a client of another tenant with the same id has the same client_id here"
_RENAMED = "no name here is the sub of a foreign user; create has such a name"
# Predicates without which nothing leaks, and why.
SPARE = {
    "roles.list_user_permissions: users.tenant_id = :tenant_id (2)": _TWICE,
    "roles.list_user_permissions: users.tenant_id = user_roles.tenant_id (1)": _TWICE,
    "sessions.find_by_user: live_sessions.tenant_id = :tenant_id (2)": _EXAMINED,
    "sessions.list_clients: clients.tenant_id = :tenant_id (2)": _NAMESAKE,
    "tokens.find_live_by_client: live_tokens.tenant_id = :tenant_id (2)": _EXAMINED,
    "tokens.find_live_by_service_account: live_tokens.tenant_id = :tenant_id (2)": (
        _EXAMINED
    ),
    "tokens.find_live_by_user: live_tokens.tenant_id = :tenant_id (2)": _EXAMINED,
    "client_registrations.delete_client: active_tenants.id = clients.tenant_id (1)": (
        _TWICE
    ),
    "client_registrations.delete_client: client_registrations.tenant_id = :tenant_id "
    "(2)": _TWICE,
    "client_registrations.rotate_token: clients.tenant_id = active_tenants.id (1)": (
        _TWICE
    ),
    "client_registrations.rotate_token: clients.tenant_id = :tenant_id (2)": _TWICE,
    "user_identities.sign_in: users.tenant_id = active_tenants.id (1)": _TWICE,
    "user_identities.unlink: user_identities.tenant_id = :tenant_id (2)": _TWICE,
    "user_identities.sign_in: users.tenant_id = :tenant_id (2)": (
        "an update joins one of the users with the same id: here the own one is first"
    ),
    "user_identities.unlink: webauthn_credentials.tenant_id = :tenant_id (3)": (
        "a passkey counts only for a user without a password, and no user here is one"
    ),
    "clients.update: users.tenant_id = :tenant_id (2)": _RENAMED,
    "imports.import_tokens: authorizations.tenant_id = :tenant_id (2)": (
        "a foreign family with the same id only repeats the token, which is skipped"
    ),
    "imports.import_users: clients.tenant_id = :tenant_id (1)": (
        "both tenants have a client of each client_id"
    ),
    "consents.narrow: clients.tenant_id = :tenant_id (2)": _NAMESAKE,
    "consents.revoke: clients.tenant_id = :tenant_id (2)": _NAMESAKE,
    "redemptions.redeem: service_accounts.tenant_id = :tenant_id (4)": (
        "the row is only locked, and no redeemed token here belongs to an account"
    ),
    "redemptions.redeem: sessions.tenant_id = :tenant_id (12)": (
        "the row is only read for its sid, and no redeemed token here has a session"
    ),
    "licenses.update: license_seats.tenant_id = :tenant_id (2)": (
        "its rows are counted, and the count decides only about the own seats"
    ),
    "licenses.update: license_seats.tenant_id = :tenant_id (3)": _TWICE,
    "login_attempts.succeed: login_throttles.tenant_id = :tenant_id (2)": (
        "its rows are ranked, and the rank decides only about the own networks"
    ),
    "login_attempts.succeed: login_throttles.tenant_id = :tenant_id (3)": _TWICE,
    "pushed_requests.redeem: clients.tenant_id = pushed_requests.tenant_id (2)": (
        _NAMESAKE
    ),
    "pushed_requests.redeem: clients.tenant_id = active_tenants.id (1)": (
        "a request is redeemed once, however many tenants are active"
    ),
    "recovery_codes.use: active_tenants.id = :tenant_id (3)": (
        "a code is used once, however many tenants are active"
    ),
    "recovery_codes.use: users.tenant_id = :tenant_id (2)": (
        "a user of another tenant with the same id is active here too"
    ),
    "roles.delete: roles.tenant_id = user_roles.tenant_id (1)": (
        "another tenant's role with the same id is no system role here either"
    ),
    "service_accounts.update: users.tenant_id = :tenant_id (2)": _RENAMED,
    "sessions.end_all: sessions.tenant_id = :tenant_id (1)": (
        "the function ends only sessions of the tenant that is passed to it"
    ),
    "sessions.step_up: users.tenant_id = active_tenants.id (1)": (
        "a session has a new cookie once, however many tenants are active"
    ),
    "sessions.step_up: users.tenant_id = sessions.tenant_id (2)": (
        "another tenant's user with the same id is active here too"
    ),
    "tokens.revoke: authorizations.tenant_id = :tenant_id (3)": _TWICE,
    "tokens.revoke: clients.tenant_id = :tenant_id (1)": (
        "a client of another tenant with the token's id has the same client_id here"
    ),
    "tokens.revoke: tokens.tenant_id = :tenant_id (2)": _TWICE,
    "users.create: clients.tenant_id = :tenant_id (1)": (
        "both tenants have a client of each client_id"
    ),
    "users.revoke_tokens: sessions.tenant_id = :tenant_id (2)": (
        "the function ends only sessions of the tenant that is passed to it"
    ),
}
# The rows that these queries read of another tenant are refused by a function.
BOUND_BY_A_FUNCTION = {"sessions.end_all: bound to no tenant"}
_WRITTEN = "it inserts the tenant: the policy's check and the keys restrict the value"
# Queries of a tenant that have no predicate, and what binds them.
UNBOUND = {
    "audit_events.list_months": "it passes the tenant to a function",
    "audit_events.record": _WRITTEN,
    "audit_events.verify": "it passes the tenant to a function",
    "client_registrations.save": _WRITTEN,
    "comparisons.list_row_keys": "it passes the tenant to a function",
    "comparisons.read_rows": "it passes the tenant to a function",
    "entries.find_named": "it passes the tenant to a function",
    "entries.find_others": "it passes the tenant to a function",
    "entries.import_license_usage": "it passes the tenant to a function",
    "entries.import_rows": "it passes the tenant to a function",
    "entries.record": "it passes the tenant to a function",
    "entries.settle": "it passes the tenant to a function",
    "entries.update_rows": "it passes the tenant to a function",
    "erasures.erase_tenant": "it passes the tenant to a function",
    "erasures.erase_user": "it passes the tenant to a function",
    "erasures.find_user": "it passes the tenant to a function",
    "exports.find_user": "it passes the tenant to a function",
    "exports.list_rows": "it passes the tenant to a function",
    "licenses.create": _WRITTEN,
    "login_attempts.record": _WRITTEN,
    "login_attempts.record_many": _WRITTEN,
    "login_attempts.reserve": "it passes the tenant to a function",
    "revocations.publish": _WRITTEN,
    "roles.create": _WRITTEN,
    "scopes.create": _WRITTEN,
    "sessions.end": "it passes the tenant to a function",
    "sessions.verify": "it passes the tenant to a function",
    "signing_keys.publish": "it joins the tenant of the row that it inserts",
    "tenant_moves.advance_feed": "it passes the tenant to a function",
    "tenant_moves.dump_rows": "it passes the tenant to a function",
    "tenant_moves.hold": "it passes the tenant to a function",
    "tenant_moves.list_open_units": "it passes the tenant to a function",
    "tenant_moves.load_rows": "it passes the tenant to a function",
    "tenants.enter": "it passes the tenant to a function",
    "tokens.verify_by_token": "it passes the tenant to a function",
    "user_identities.link": _WRITTEN,
    "user_roles.assign": _WRITTEN,
}

Mutants = Callable[[Query], Iterator[tuple[str, str]]]


def unseen(
    dba: "psycopg.Connection[Any]", roles: Roles, mutants: Mutants
) -> tuple[set[str], set[str]]:
    """Return all mutants, and those that leak nothing under their predicates alone.

    Twins are tried only for mutants that strangers did not expose.
    """
    every: set[str] = set()
    dumb: set[str] = set()
    for kind in _KINDS:
        with opened_world(dba, kind) as world:
            named = [
                (f"{full_name(case.query)}: {name}", replace(case, instead=text))
                for case in all_cases(world, roles)
                if case.role == BYPASS
                for name, text in mutants(case.query)
            ]
            named = [(name, case) for name, case in named if not every or name in dumb]
            every |= {name for name, _ in named}
            leaks = leaks_of(world, [case for _, case in named])
            dumb = {name for name, _ in named} - {
                name for (name, _), each in zip(named, leaks, strict=True) if each
            }
    return every, dumb


def test_a_query_without_its_tenants_predicate_is_found_by_name(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles
) -> None:
    with opened_world(dba, "strangers") as world:
        broken = [
            replace(case, instead=text)
            for case in all_cases(world, matrix_roles)
            if full_name(case.query) in ("users.get_by_id", "users.delete")
            for _, text in without_one(case.query)
        ]
        found = [str(leak) for each in leaks_of(world, broken) for leak in each]
    deleted = [leak for leak in found if leak.startswith("users.delete as bypass: ")]
    read = set(found) - set(deleted)
    assert read == {"users.get_by_id as bypass: reads or counts foreign rows"}
    assert "users.delete as bypass: changes foreign rows of user_roles" in deleted


def test_a_query_without_one_of_its_tenants_predicates_leaks(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles, figures: list[str]
) -> None:
    every, dumb = unseen(dba, matrix_roles, without_one)
    figures.append(
        f"one predicate taken out: {len(every)} mutants, "
        f"{len(every - dumb)} seen to leak, {len(dumb)} spare"
    )
    assert dumb == SPARE.keys()


def test_a_query_without_all_its_tenants_predicates_leaks(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles, figures: list[str]
) -> None:
    every, dumb = unseen(dba, matrix_roles, without_all)
    figures.append(
        f"all predicates taken out: {len(every)} mutants, "
        f"{len(every - dumb)} seen to leak"
    )
    assert dumb == BOUND_BY_A_FUNCTION


def test_a_query_of_a_tenant_has_a_predicate_or_a_reason() -> None:
    unbound = {
        full_name(query)
        for query in ALL
        if is_of_a_tenant(query) and not BOUND.search(query.sql)
    }
    assert unbound == UNBOUND.keys()


def test_a_new_query_fails_until_its_arguments_are_known(
    dba: "psycopg.Connection[Any]",
) -> None:
    users = next(query for query in ALL if query.path.stem == "users")
    query = replace(users, name="list_new", parameters=("tenant_id", "flavour"))
    with (
        opened_world(dba, "strangers") as world,
        pytest.raises(UnknownArgumentError, match=r"users\.list_new.*flavour"),
    ):
        argument_sets(query, world.rows(world.foreign))


def test_arguments_that_find_nothing_fail(
    dba: "psycopg.Connection[Any]",
    matrix_roles: Roles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody = {"username_key": "nobody"}
    aside = {**arguments.BY_QUERY, "users.get_by_username": nobody}
    monkeypatch.setattr(arguments, "BY_QUERY", aside)
    with opened_world(dba, "strangers") as world:
        users = [query for query in ALL if query.path.stem == "users"]
        assert uncontrolled(world, matrix_roles, users) == {"users.get_by_username"}


def test_a_new_table_without_rows_fails(dba: "psycopg.Connection[Any]") -> None:
    dba.execute("create table authority.notes (tenant_id uuid not null)")
    with opened_world(dba, "strangers") as world:
        assert tables_without(world, world.own) == ["notes"]
        dba.execute("insert into authority.notes values (%s)", (world.own,))
        assert tables_without(world, world.own) == []
        assert tables_without(world, world.foreign) == ["notes"]
