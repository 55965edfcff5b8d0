"""Runs a query as a login, and records the outcome."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import psycopg
from psycopg import sql

from authority_queries.codegen.query import Query
from authority_queries.engine._sync import execution
from authority_queries.engine._sync.cursors import OwnCursor
from authority_queries.engine.exchanges import Exchange, exchange_of
from authority_queries.errors import AuthorityError
from tests.isolation.matrix.arguments import function_of
from tests.isolation.matrix.world import World

# Masks random values and times: everything else has to be equal.
_ANY_ID: Final = "an id"
_ANY_TIME: Final = "a time"
# Fields that count time since 1970, and grow between two runs.
_STEPS: Final = {"current_step"}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The caller: a login, and the tenant that its transaction was set to."""

    login: str
    tenant: UUID | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What identifies an error: our message, or psycopg's SQLSTATE."""

    kind: str
    text: str
    is_ours: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A call's result, and its effect on the tables.

    `foreign` is a digest of the other tenant's rows in each table; `mixed` are tables
    where a row of the asking tenant has an id that only the other one has; `tenant` is
    the tenant that the transaction works for afterwards.
    """

    result: object
    foreign: Mapping[str, str]
    mixed: frozenset[str]
    tenant: str


_BECOME: Final = """
    select set_config('authority.tenant_id', %s, true), set_config('role', %s, true)
"""
_TOLD: Final = "select current_setting('authority.tenant_id', true), '', false"
_TABLE: Final = """
    select
        {{name}},
        (
            select md5(string_agg(one::text, ';' order by one::text))
            from {{table}} as one
            where one.{{column}} = '{foreign}'
        ),
        {looks_at_own} and exists (
            select from {{table}} as one
            where one.{{column}} = '{own}' and one::text like '%{foreign_id}-%'
        )
"""


def _looking_at(world: World, *, looks_at_own: bool) -> sql.Composed:
    """Return the statement that reads all tables at once."""
    text = _TABLE.format(
        foreign=world.foreign,
        own=world.own,
        foreign_id=world.foreign_id,
        looks_at_own=looks_at_own,
    )
    tables = [table.statement(text) for table in world.tables]
    return sql.SQL(" union all ").join([sql.SQL(_TOLD), *tables])


class RewritingCursor(OwnCursor[Any]):
    """Sends other statements in place of some, which is how a test breaks a query."""

    instead: ClassVar[dict[str, str]] = {}

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(query, str):
            query = self.instead.get(query, query)
        return super().execute(query, *arguments, **options)


def _exchange_of(connection: "psycopg.Connection[object]") -> Exchange | None:
    """Leave statements to the cursor while it rewrites some."""
    return None if RewritingCursor.instead else exchange_of(connection)


class Runner:
    """Runs queries in one world, each in a transaction that is rolled back.

    Without `looks_at_own` it does not look for mixed rows.
    """

    def __init__(self, world: World, *, looks_at_own: bool = True) -> None:
        self.world = world
        self._dba = world.dba
        vars(execution).update(OwnCursor=RewritingCursor, exchange_of=_exchange_of)
        self._known_ids = world.ids(world.own) | world.ids(world.foreign)
        self._known_times = world.times(world.own) | world.times(world.foreign)
        self._look = _looking_at(world, looks_at_own=looks_at_own)
        self.untouched = self._outcome(None)

    def run(
        self,
        query: Query,
        caller: Caller,
        arguments: Mapping[str, object],
        *,
        looks: bool = True,
    ) -> Outcome:
        """Call the generated function as a service does; a raised error is a result.

        PostgreSQL keeps nothing of a failing call, so all rows are untouched then.
        """
        try:
            with self._dba.transaction(force_rollback=True):
                self._dba.execute(_BECOME, (str(caller.tenant or ""), caller.login))
                result = self._normal(function_of(query)(self._dba, **arguments))
                if looks:
                    self._dba.execute("reset role")
                    return self._outcome(result)
        except (AuthorityError, psycopg.Error) as error:
            result = _failure(error)
        return replace(self.untouched, result=result, tenant=str(caller.tenant or ""))

    def _outcome(self, result: object) -> Outcome:
        (tenant, *_), *seen = self._dba.execute(self._look).fetchall()
        return Outcome(
            result=result,
            foreign={name: digest or "" for name, digest, _ in seen},
            mixed=frozenset(name for name, _, is_mixed in seen if is_mixed),
            tenant=tenant,
        )

    def _normal(self, value: object) -> object:
        known: object = value
        match value:
            case UUID() if value not in self._known_ids:
                known = _ANY_ID
            case timedelta():
                known = _ANY_TIME
            case datetime() if value not in self._known_times:
                known = _ANY_TIME
            case Mapping():
                known = {key: self._normal(each) for key, each in value.items()}
            case Iterable() if not isinstance(value, str | bytes):
                known = [self._normal(each) for each in value]
        if is_dataclass(value):
            names = (each.name for each in fields(value))
            known = {
                name: _ANY_TIME
                if name in _STEPS
                else self._normal(getattr(value, name))
                for name in names
            }
        return known


def _failure(error: AuthorityError | psycopg.Error) -> Failure:
    name = type(error).__name__
    if isinstance(error, AuthorityError):
        return Failure(kind=name, text=str(error), is_ours=True)
    return Failure(kind=name, text=error.sqlstate or "", is_ours=False)
