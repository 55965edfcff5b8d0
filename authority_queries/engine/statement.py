"""A named statement: its label, its errors, and the records of its rows."""

import logging
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import BaseRowFactory, RowMaker, tuple_row

from authority_queries.engine.declared_types import Reader, reader_of
from authority_queries.engine.driver_errors import from_driver, hide_values
from authority_queries.engine.errors import (
    AuthorityError,
    BrokenPromiseError,
    InvalidArgumentError,
    StaleModuleError,
)
from authority_queries.engine.sql_text import digest
from authority_queries.engine.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from psycopg._cursor_base import BaseCursor

_logger = logging.getLogger("authority_queries.sql")


class Statement:
    """A statement's name and line, the mapping of its errors, and its row factory."""

    __slots__ = (
        "_line",
        "_name",
        "_path",
        "digest",
        "is_sure",
        "label",
        "make_row",
        "maker",
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
        self.maker: RowMaker[object] | None = None
        self.reading = ServerErrors(self.label)
        self.sending = SendingErrors(self.label)

    def stands_at(self, line: int) -> None:
        """Set the line of its name in the file."""
        self._line = line

    def takes(self, arguments: Iterable[str]) -> None:
        """Set the names of its arguments, which its errors name."""
        names = (*arguments,)
        self.reading = ServerErrors(self.label, names)
        self.sending = SendingErrors(self.label, names)

    def makes(self, make_row: BaseRowFactory[object]) -> None:
        """Set what makes its records. The first execution sets the `maker` of rows."""
        self.make_row, self.maker = make_row, None

    @property
    def row_factory(self) -> BaseRowFactory[object]:
        """What makes its records with a cursor: quicker after the first execution."""
        make = self.maker
        return self.make_row if make is None else lambda _: make

    def promise(self, columns: Sequence[str], types: Mapping[str, object]) -> None:
        """Check in every row that columns are not null, or are of declared types.

        Raises StaleModuleError for a type that no value can become.
        """
        try:
            readers = {name: reader_of(hint) for name, hint in types.items()}
        except TypeError as error:
            message = f"{self.label}: a type of @type changed: run authority generate"
            raise StaleModuleError(message) from error
        self.makes(_checked(self.make_row, columns, readers, self.label))

    def check(self, parameters: Mapping[str, object]) -> None:
        """Refuse to send a token string: PostgreSQL stores hashes and may log values.

        Raises InvalidArgumentError. Lists and JSON are not searched.
        """
        for name, value in parameters.items():
            if VOCABULARY.is_secret(value):
                message = f"{self.label}: {name} must be a token's hash, not its string"
                raise InvalidArgumentError(message, argument=name, query=self.label)

    def announce(self) -> None:
        """Log the statement, without parameters, on `authority_queries.sql`."""
        if _logger.isEnabledFor(logging.DEBUG):
            _logger.debug("%s:%d %s", self._path, self._line, self._name)


def _checked(
    make_row: BaseRowFactory[object],
    columns: Sequence[str],
    readers: Mapping[str, Reader],
    label: str,
) -> BaseRowFactory[object]:
    def checked(cursor: "BaseCursor[Any, Any]") -> RowMaker[object]:
        make = make_row(cursor)
        # Once for a statement: psycopg takes longer to describe columns than to load.
        names = [column.name for column in cursor.description or ()]
        places = [names.index(name) for name in columns] if names else []
        reading = [(name, names.index(name), readers[name]) for name in readers]

        def row(values: Sequence[object]) -> object:
            for place in places:
                if values[place] is None:
                    message = f"{label}: {names[place]} is null against its @notnull"
                    raise BrokenPromiseError(message)
            return make(_read(values, reading, label) if reading else values)

        return row

    return checked


def _read(
    values: Sequence[object], reading: Sequence[tuple[str, int, Reader]], label: str
) -> Sequence[object]:
    """Return a row's values with the declared types. Raises BrokenPromiseError."""
    found = [*values]
    for name, place, read in reading:
        try:
            found[place] = read(found[place])
        except Exception:
            message = f"{label}: {name} is not of the type that its @type declares"
            # Without the cause, which may repeat the value.
            raise BrokenPromiseError(message) from None
    return found


class ServerErrors:
    """Maps PostgreSQL's errors inside its block. It has no state: use it again."""

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
        """Raise our error for PostgreSQL's. An error without one passes through.

        Either way its text has no value afterwards.
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


# The errors of psycopg and Python for a value that cannot be sent.
_UNSENDABLE: Final = (
    psycopg.ProgrammingError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    struct.error,
)


class SendingErrors(ServerErrors):
    """Maps, in addition, the errors of values that psycopg cannot send."""

    __slots__ = ()

    def _name(self, error: BaseException) -> AuthorityError | None:
        if isinstance(error, AuthorityError):
            return None
        if isinstance(error, UnicodeEncodeError | psycopg.DataError):
            return from_driver(error, self._label, self._arguments)
        if getattr(error, "sqlstate", None) is None and isinstance(error, _UNSENDABLE):
            message = f"{self._label}: a value has a type that cannot be sent"
            return InvalidArgumentError(message, query=self._label)
        return super()._name(error)
