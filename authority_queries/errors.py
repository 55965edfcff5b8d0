"""What can go wrong, as one hierarchy. No message carries a secret or a row's value.

The database decides, Python names: errors of PostgreSQL are told apart by SQLSTATE
and by the constraint's name, never by the text of a message. What has no name here
(a lost connection, a deadlock) passes through as psycopg raised it.
"""

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import errors as sqlstate

from authority_queries._rules import argument_of, rule_of


class AuthorityError(Exception):
    """Base of every error that this package raises itself."""


class ConfigurationError(AuthorityError):
    """A setting is wrong. The message names its key, its value and what is allowed."""


class UnavailableError(AuthorityError):
    """No connection to PostgreSQL could be had in time."""


class ClosedError(AuthorityError):
    """An Authority or Maintenance is used after the block that it was opened for."""


class ForkedError(AuthorityError):
    """A connection is used by another process than the one that it was made for."""


class SchemaVersionError(AuthorityError):
    """The database's schema is missing, or too old or too new for this package."""


class MigrationError(AuthorityError):
    """The migrations cannot be applied: none were found, or another run holds them."""


class StaleModuleError(AuthorityError):
    """A generated module does not fit its SQL file or the database: generate again."""


class BrokenPromiseError(AuthorityError):
    """A column is null that its query's `@notnull` says never is."""


class CardinalityError(AuthorityError):
    """A statement gave more rows than it promises, or none where it promises one.

    What it wrote stays, unless the caller's transaction is rolled back.
    """


class InvalidArgumentError(AuthorityError, ValueError):
    """An argument is refused before any query.

    `argument` is its name, and `query` the query that it was for (`users.create`):
    empty where there is none.
    """

    def __init__(self, message: str, *, argument: str = "", query: str = "") -> None:
        super().__init__(message)
        self.argument = argument
        self.query = query


class InvalidTokenError(InvalidArgumentError):
    """A string is no token of this store: wrong shape, prefix, length or checksum."""


class NotFoundError(AuthorityError):
    """What was to be changed does not exist in the tenant."""


class ConcurrencyConflictError(AuthorityError):
    """The row is not at the row_version that the update names: read it again."""


class SystemRowError(AuthorityError):
    """The row belongs to the system: it can be neither changed nor deleted."""


class TenantInactiveError(AuthorityError):
    """The tenant is unknown, suspended or terminated, and is issued nothing."""


class CrossTenantError(AuthorityError):
    """A call in a unit of work names another tenant, or none."""


class NestedUnitError(AuthorityError):
    """A unit of work is opened inside another one: leave that one first."""


class UnitAbortedError(AuthorityError):
    """A transaction goes on, or ends well, after an error that has ended it already."""


class UnitEndedError(AuthorityError):
    """A store is used after the block that it was lent for."""


class OpenTransactionError(AuthorityError):
    """What must outlive the caller's rollback is asked for inside its transaction."""


class FeedRewoundError(AuthorityError):
    """A feed ends before what its follower has seen: the database was restored."""


class PermissionDeniedError(AuthorityError):
    """PostgreSQL refuses it to the role, or to the tenant that it works for."""


class LicenseNotUsableError(AuthorityError):
    """The licence is unknown, gives none now, or does not name the metric."""


class IdempotencyKeyReusedError(AuthorityError):
    """The key names another use already; nothing was recorded: give each its own."""


class ConstraintError(AuthorityError):
    """PostgreSQL refused a row; nothing was written.

    `constraint` is the name of what was violated, or empty when a value could not
    even be taken as its column's type. `argument` is the argument's name where it is
    known, and `query` the query (`users.create`).
    """

    def __init__(
        self,
        message: str,
        *,
        constraint: str = "",
        argument: str = "",
        query: str = "",
    ) -> None:
        super().__init__(f"{message} ({constraint})" if constraint else message)
        self.constraint = constraint
        self.argument = argument
        self.query = query


class DuplicateError(ConstraintError):
    """Another row has the same key."""


class MissingReferenceError(ConstraintError):
    """The row names another one that does not exist in the tenant."""


class InUseError(ConstraintError):
    """Other rows still refer to the row that was to be deleted."""


class InvalidValueError(ConstraintError):
    """A value is outside what its column allows."""


class LimitReachedError(ConstraintError):
    """A licence has no more to give: its limit or its seats are used up."""


_BY_CONSTRAINT: Final[dict[str, tuple[type[ConstraintError], str]]] = {
    "license_usage_totals_used_check": (
        LimitReachedError,
        "the licence's limit for this metric and period would be exceeded",
    ),
}


def from_driver(
    error: psycopg.Error | UnicodeEncodeError,
    statement: str,
    arguments: Sequence[str] = (),
) -> AuthorityError | None:
    """Name an error of psycopg, or give None when it has no name here.

    `statement` is the query's name (`users.create`), `arguments` its parameters.
    Names of constraints follow `{table}_{columns}_{kind}`, which is what the message
    is made of where `rule_of` has none.
    """
    cannot_store = f"{statement}: a value cannot be stored as given"
    if isinstance(error, UnicodeEncodeError):  # a lone surrogate
        return InvalidValueError(cannot_store, query=statement)
    if (refusal := _refusal(error, statement)) is not None:
        return refusal
    constraint = error.diag.constraint_name or ""
    table = error.diag.table_name or ""
    what = constraint.removeprefix(f"{table}_").rpartition("_")[0]
    what = what.removeprefix("tenant_id_") or error.diag.column_name or "value"
    argument = argument_of(what, arguments)
    kind: type[ConstraintError]
    match error:
        case _ if constraint in _BY_CONSTRAINT:
            kind, message = _BY_CONSTRAINT[constraint]
        case sqlstate.UniqueViolation():
            kind, message = DuplicateError, f"{table} has a row with this {what}"
        case sqlstate.ForeignKeyViolation() if ".delete" in statement:
            kind, message = InUseError, f"{table} still refer to it by {what}"
        case sqlstate.ForeignKeyViolation():
            kind = MissingReferenceError
            message = f"the {what} of {table} names nothing in the tenant"
        case sqlstate.CheckViolation() if rule := rule_of(constraint):
            kind, message = InvalidValueError, rule.allows
            argument = rule.argument if rule.argument in arguments else argument
        case sqlstate.CheckViolation() | sqlstate.NotNullViolation():
            kind, message = InvalidValueError, f"{table} do not allow this {what}"
        case _ if _is_of_a_value(error):
            return InvalidValueError(cannot_store, query=statement)
        case _:
            return None
    return kind(
        f"{statement}: {message}",
        constraint=constraint,
        argument=argument,
        query=statement,
    )


def _is_of_a_value(error: psycopg.Error) -> bool:
    """Tell a value that is wrong or too long for an index from the server's limits."""
    if not isinstance(error, sqlstate.ProgramLimitExceeded):
        return isinstance(error, psycopg.DataError)
    place = error.diag.source_function or ""
    return bool(error.diag.constraint_name) or place.startswith("index_form_tuple")


def _refusal(error: psycopg.Error, statement: str) -> AuthorityError | None:
    """Name what is refused for who asks."""
    match error.sqlstate:
        case "TN001":
            return TenantInactiveError(
                f"{statement}: the tenant is unknown, suspended or terminated"
            )
        case "TN002":
            return ConfigurationError(
                "row-level security does not hold the role of this connection: log in "
                "as a member of authority_app, not as owner, maintenance or superuser"
            )
        case "TN003":
            return ConfigurationError(
                f"{statement}: transaction_isolation must be read committed: give the "
                "connection no isolation_level, and begin no other transaction for it"
            )
        case "25P02":
            return UnitAbortedError(
                f"{statement}: an error before this call has ended the transaction, "
                "and nothing of it is kept: put what may fail in "
                "`store.connection.transaction()`, and catch the error around that"
            )
        case "42501":
            return PermissionDeniedError(
                f"{statement}: the role may not do this, works for another tenant, or "
                "has set row_security to off"
            )
    return None
