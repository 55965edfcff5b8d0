"""The errors that executing a named query can raise.

No message carries a secret or a row's value.
"""


class AuthorityError(Exception):
    """Base of all errors of this package."""


class ForkedError(AuthorityError):
    """A connection is used in another process than the one that made it."""


class StaleModuleError(AuthorityError):
    """A generated module does not match its SQL file: run `authority generate`."""


class BrokenPromiseError(AuthorityError):
    """A column is null that the query's `@notnull` or `@when` excludes."""


class CardinalityError(AuthorityError):
    """A statement returned several rows, or none where it must return one.

    The rows that it wrote stay, unless the caller rolls the transaction back.
    """


class InvalidArgumentError(AuthorityError, ValueError):
    """An argument is refused before any query.

    `argument` is its name, `query` the query that it was passed to (`users.create`).
    Either is empty where there is none.
    """

    def __init__(self, message: str, *, argument: str = "", query: str = "") -> None:
        super().__init__(message)
        self.argument = argument
        self.query = query


class CrossTenantError(AuthorityError):
    """A call in a unit of work has another tenant_id, or none."""


class NestedUnitError(AuthorityError):
    """A unit of work is opened inside another one: leave that one first."""


class UnitAbortedError(AuthorityError):
    """A unit of work goes on or ends normally after its transaction has failed."""


class PermissionDeniedError(AuthorityError):
    """PostgreSQL denies the statement to the role, or to the tenant that is set."""


class ReadOnlyError(AuthorityError):
    """PostgreSQL refuses to write: a standby, or a read-only transaction."""


class RetryableError(AuthorityError):
    """PostgreSQL cancelled the statement in favour of other work: repeat the unit.

    A standby cancels a statement whose rows or locks the replay needs. On a primary the
    same SQLSTATE (40001) occurs only above read committed, which no unit of work uses.
    """


class ConstraintError(AuthorityError):
    """PostgreSQL refused a row, and nothing was written.

    `constraint` is the violated constraint, or empty when a value does not fit its
    column's type. `argument` is the argument where it is known, `query` the query
    (`users.create`).
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
    """The row refers to a row that does not exist in the tenant."""


class InUseError(ConstraintError):
    """Other rows still refer to the row that should be deleted."""


class InvalidValueError(ConstraintError):
    """A column does not allow the value."""
