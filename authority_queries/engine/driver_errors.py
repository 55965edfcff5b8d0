"""Maps psycopg's errors to our hierarchy, and removes values from their text."""

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import errors as sqlstate

from authority_queries.engine.errors import (
    AuthorityError,
    ConstraintError,
    DuplicateError,
    InUseError,
    InvalidValueError,
    MissingReferenceError,
    PermissionDeniedError,
    ReadOnlyError,
    RetryableError,
    UnitAbortedError,
)
from authority_queries.engine.violations import Violation, violation_of
from authority_queries.engine.vocabulary import VOCABULARY

# Classes of SQLSTATE whose message itself repeats input: what cannot be read as its
# type, and what functions of the schema's owner raise.
_TELLING: Final = ("22", "P0")


def from_driver(
    error: psycopg.Error | UnicodeEncodeError,
    statement: str,
    arguments: Sequence[str] = (),
) -> AuthorityError | None:
    """Return this package's error for the driver's error, or None if it has none.

    `statement` is the query's name (`users.create`), `arguments` its parameters. Names
    of constraints follow `{table}_{columns}_{kind}`. The message uses this name if the
    schema has registered no rule for it.
    """
    cannot_store = f"{statement}: a value cannot be stored as given"
    if isinstance(error, UnicodeEncodeError):  # a lone surrogate
        return InvalidValueError(cannot_store, query=statement)
    if (refusal := _refusal(error, statement)) is not None:
        return refusal
    violation = violation_of(error)
    constraint = violation.constraint
    what = _constrained(violation)
    argument = _argument_of(what, arguments)
    is_check = isinstance(error, sqlstate.CheckViolation)
    if is_check and (rule := VOCABULARY.rule_of(constraint)):
        kind, message = rule.error, rule.allows
        argument = rule.argument if rule.argument in arguments else argument
    elif found := _without_rule(error, statement, violation.table or "the table", what):
        kind, message = found
    elif _is_of_a_value(error):
        return InvalidValueError(cannot_store, query=statement)
    else:
        return None
    return kind(
        f"{statement}: {message}",
        constraint=constraint,
        argument=argument,
        query=statement,
    )


def _constrained(violation: Violation) -> str:
    """Return the columns in the constraint's name, the error's column, or "value"."""
    constrained = violation.constraint.removeprefix(f"{violation.table}_")
    columns = constrained.rpartition("_")[0]
    return columns.removeprefix("tenant_id_") or violation.column or "value"


def _without_rule(
    error: psycopg.Error, statement: str, table: str, what: str
) -> tuple[type[ConstraintError], str] | None:
    """Return the class and the message for a constraint without a rule, or None."""
    match error:
        case sqlstate.UniqueViolation():
            return DuplicateError, f"{table} has another row with this {what}"
        case sqlstate.ForeignKeyViolation() if ".delete" in statement:
            return InUseError, f"rows of {table} still refer to it by {what}"
        case sqlstate.ForeignKeyViolation():
            message = f"{what} of {table} must name a row of the tenant"
            return MissingReferenceError, message
        case sqlstate.CheckViolation() | sqlstate.NotNullViolation():
            return InvalidValueError, f"{table} does not allow this {what}"
    return None


def _argument_of(what: str, arguments: Sequence[str]) -> str:
    """Return the first argument that a constraint's columns name, or "".

    `what` is the constraint's name between table and kind: `type_expires_at`.
    """
    named = f"_{what}_"
    found = [name for name in arguments if f"_{name}_" in named]
    return min(found, key=lambda name: named.index(f"_{name}_"), default="")


def _is_of_a_value(error: psycopg.Error) -> bool:
    """Return whether a value is wrong or too long for an index.

    The other limits of a server have the same class.
    """
    if not isinstance(error, sqlstate.ProgramLimitExceeded):
        return isinstance(error, psycopg.DataError)
    place = error.diag.source_function or ""
    return bool(error.diag.constraint_name) or place.startswith("index_form_tuple")


def _refusal(error: psycopg.Error, statement: str) -> AuthorityError | None:
    """Return the error of a statement that is refused whatever its values are."""
    match error.sqlstate:
        case "25006":
            return ReadOnlyError(
                f"{statement}: the server is a standby, or the transaction is read "
                "only: write on the primary"
            )
        case "25P02":
            return UnitAbortedError(
                f"{statement}: an earlier error has aborted the transaction, and no "
                "row of it is kept: put a call that may fail in "
                "`store.connection.transaction()`, and catch its error outside"
            )
        case "40001":
            return RetryableError(
                f"{statement}: the server has cancelled it, as a standby does for the "
                "replay of its log: repeat the unit of work"
            )
        case "42501":
            return PermissionDeniedError(
                f"{statement}: the role lacks the privilege, works for another "
                "tenant, or has set row_security to off"
            )
    return VOCABULARY.refusal_of(error.sqlstate, statement)


def hide_values(error: BaseException) -> None:
    """Remove from the error's text what must not be logged. `diag` keeps everything.

    DETAIL repeats rows, and CONTEXT repeats parameters and JSON. Python's
    UnicodeEncodeError carries the whole string.
    """
    if isinstance(error, UnicodeEncodeError):
        error.object = ""
        error.args = (error.encoding, "", error.start, error.end, error.reason)
    elif isinstance(error, psycopg.Error) and error.sqlstate is not None:
        error.args = (_without_values(error, error.sqlstate),)


def _without_values(error: psycopg.Error, sqlstate: str) -> str:
    message = error.diag.message_primary
    if message is None or sqlstate.startswith(_TELLING):
        message = "hidden, as it may repeat a value: see `diag` or the server's log"
    return f"{message} (SQLSTATE {sqlstate})"
