"""The errors that executing a named query can raise.

No message carries a secret or a row's value.
"""


class AuthorityError(Exception):
    """Base of every error that this package raises itself."""


class ForkedError(AuthorityError):
    """A connection is used by another process than the one that it was made for."""


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


class CrossTenantError(AuthorityError):
    """A call in a unit of work names another tenant, or none."""


class NestedUnitError(AuthorityError):
    """A unit of work is opened inside another one: leave that one first."""


class UnitAbortedError(AuthorityError):
    """A transaction goes on, or ends well, after an error that has ended it already."""


class PermissionDeniedError(AuthorityError):
    """PostgreSQL refuses it to the role, or to the tenant that it works for."""


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
