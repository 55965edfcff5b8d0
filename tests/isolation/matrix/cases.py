"""The cells of the matrix: every query, in every role."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from authority_queries.codegen.query import Query
from tests.isolation.matrix.arguments import argument_sets, mixed_sets
from tests.isolation.matrix.judging import Case
from tests.isolation.matrix.running import Caller
from tests.isolation.matrix.world import World
from tests.own_queries import own_queries

# COMMIT would end the transaction that each cell is examined in. The others read
# statistics of whole tables, which change from one moment to the next.
_LEFT_OUT: Final = {
    ("monitoring", "get_database"),
    ("monitoring", "list_indexes"),
    ("monitoring", "list_tables"),
    ("tenants", "commit"),
}
ALL: Final = [
    query for query in own_queries() if (query.path.stem, query.name) not in _LEFT_OUT
]

APP: Final = "app"
BYPASS: Final = "bypass"
OF_ANOTHER: Final = "app of another tenant"


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The logins, by what restricts them.

    Row-level security applies to `app`. `bypass` has the same privileges and more, and
    only the query's own predicates restrict it.
    """

    app: str
    maintenance: str
    reader: str
    bypass: str


def is_of_a_tenant(query: Query) -> bool:
    return "tenant_id" in query.parameters


def cases_of(query: Query, world: World, roles: Roles) -> Iterator[Case]:
    """Return a query's cells: the foreign tenant's identifiers, in the own one's name.

    As app and bypass the query is bound to the asking tenant. As the app of another
    tenant it names the foreign one, so that only the policies restrict it.
    """
    service = Caller(login=roles.app, tenant=world.own)
    anybody = Caller(login=roles.bypass, tenant=None)
    rows, foreign = world.rows(world.own), world.rows(world.foreign)
    for values in argument_sets(query, foreign):
        yield _case(query, OF_ANOTHER, service, values, world.foreign)
    for values in [*argument_sets(query, foreign), *mixed_sets(query, rows, foreign)]:
        yield _case(query, APP, service, values, world.own)
        yield _case(query, BYPASS, anybody, values, world.own)


def all_cases(world: World, roles: Roles) -> list[Case]:
    """Return every cell; a query without a tenant has those of the app alone."""
    return [
        case
        for query in ALL
        for case in cases_of(query, world, roles)
        if is_of_a_tenant(query) or case.role == APP
    ]


def control_of(query: Query, world: World, roles: Roles) -> Iterator[Case]:
    """Return the same calls by a permitted role: a service, operator or reader."""
    callers = {
        "authority_maintenance": Caller(login=roles.maintenance, tenant=None),
        "authority_reader": Caller(login=roles.reader, tenant=None),
        "pg_database_owner": Caller(login="pg_database_owner", tenant=None),
    }
    service = Caller(login=roles.app, tenant=world.foreign)
    caller = callers.get(query.tags.role or "", service)
    for values in argument_sets(query, world.rows(world.foreign)):
        yield _case(query, "who may", caller, values, world.foreign)


def _case(
    query: Query, role: str, caller: Caller, values: dict[str, object], tenant: UUID
) -> Case:
    bound = {"tenant_id": tenant} if is_of_a_tenant(query) else {}
    return Case(query=query, role=role, caller=caller, arguments={**values, **bound})
