"""What is known of one named statement when it is executed."""

import logging
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import BaseRowFactory, RowMaker, tuple_row

from authority_queries.engine.driver_errors import from_driver, hide_values
from authority_queries.engine.errors import (
    AuthorityError,
    BrokenPromiseError,
    InvalidArgumentError,
)
from authority_queries.engine.sql_text import digest
from authority_queries.engine.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from psycopg._cursor_base import BaseCursor

_logger = logging.getLogger("authority_queries.sql")


class Statement:
    """A statement's name and place, the names of its errors, and what a row becomes."""

    __slots__ = (
        "_line",
        "_name",
        "_path",
        "digest",
        "is_sure",
        "label",
        "make_row",
        "reading",
        "sending",
    )

    def __init__(self, path: Path, name: str, sql: str) -> None:
        self._path = f"{path.parent.name}/{path.name}"
        self._line = 0
        self._name = name
        self.digest = digest(sql)
        self.label = f"{path.stem}.{name}"
        self.is_sure = False
        self.make_row: BaseRowFactory[object] = tuple_row
        self.reading = ServerErrors(self.label)
        self.sending = SendingErrors(self.label)

    def stands_at(self, line: int) -> None:
        """Take the line of its name in the file."""
        self._line = line

    def takes(self, arguments: Iterable[str]) -> None:
        """Take the names of its arguments, for the errors that are about one."""
        names = (*arguments,)
        self.reading = ServerErrors(self.label, names)
        self.sending = SendingErrors(self.label, names)

    def promise(self, columns: Sequence[str]) -> None:
        """See to it that these columns are not null in the rows to come."""
        self.make_row = _checked(self.make_row, columns, self.label)

    def check(self, parameters: Mapping[str, object]) -> None:
        """Refuse to send a token string: PostgreSQL gets its hash, and may log it.

        Raises InvalidArgumentError. Lists and JSON are not looked into.
        """
        for name, value in parameters.items():
            if VOCABULARY.is_secret(value):
                message = f"{self.label}: {name} holds a token string; send its hash"
                raise InvalidArgumentError(message, argument=name, query=self.label)

    def announce(self) -> None:
        """Tell the logger `authority_queries.sql` what runs, without parameters."""
        if _logger.isEnabledFor(logging.DEBUG):
            _logger.debug("%s:%d %s", self._path, self._line, self._name)


def _checked(
    make_row: BaseRowFactory[object], columns: Sequence[str], label: str
) -> BaseRowFactory[object]:
    places: list[tuple[str, int]] = []

    def checked(cursor: "BaseCursor[Any, Any]") -> RowMaker[object]:
        make = make_row(cursor)
        if not places and cursor.description:
            # Once: to describe columns takes psycopg longer than to load a row.
            names = [column.name for column in cursor.description]
            places.extend((name, names.index(name)) for name in columns)

        def row(values: Sequence[object]) -> object:
            for name, place in places:
                if values[place] is None:
                    message = f"{label}: {name} is null, and @notnull says never"
                    raise BrokenPromiseError(message)
            return make(values)

        return row

    return checked


class ServerErrors:
    """Names what PostgreSQL refuses within its block. Without state: use it again."""

    __slots__ = ("_arguments", "_label")

    def __init__(self, label: str, arguments: Sequence[str] = ()) -> None:
        self._label = label
        self._arguments = arguments

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raise the error by our name; without one it passes through.

        Either way its text repeats no value from here on.
        """
        if error is None:
            return
        known = self._name(error)
        hide_values(error)
        if known is not None:
            raise known from error

    def _name(self, error: BaseException) -> AuthorityError | None:
        if isinstance(error, psycopg.Error) and error.sqlstate is not None:
            return from_driver(error, self._label, self._arguments)
        return None


# What psycopg raises, on its own or from Python, for a value that it cannot send.
_UNSENDABLE: Final = (
    psycopg.ProgrammingError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    struct.error,
)


class SendingErrors(ServerErrors):
    """Names also what psycopg refuses to send. For a block that sends, and no more."""

    __slots__ = ()

    def _name(self, error: BaseException) -> AuthorityError | None:
        if isinstance(error, AuthorityError):
            return None
        if isinstance(error, UnicodeEncodeError | psycopg.DataError):
            return from_driver(error, self._label, self._arguments)
        if getattr(error, "sqlstate", None) is None and isinstance(error, _UNSENDABLE):
            message = f"{self._label}: a value is of a kind that cannot be sent"
            return InvalidArgumentError(message, query=self._label)
        return super()._name(error)
