"""What is known of one named statement when it is executed."""

import logging
import struct
from pathlib import Path
from types import TracebackType
from typing import Final

import psycopg
from psycopg.rows import BaseRowFactory, tuple_row

from authority_queries import errors
from authority_queries.errors import AuthorityError, InvalidArgumentError

_logger = logging.getLogger("authority_queries.sql")


class Statement:
    """A statement's name and place, the names of its errors, and what a row becomes."""

    __slots__ = (
        "_line",
        "_name",
        "_path",
        "is_sure",
        "label",
        "make_row",
        "reading",
        "sending",
    )

    def __init__(self, path: Path, name: str) -> None:
        self._path = f"{path.parent.name}/{path.name}"
        self._line = 0
        self._name = name
        self.label = f"{path.stem}.{name}"
        self.is_sure = False
        self.make_row: BaseRowFactory[object] = tuple_row
        self.reading = ServerErrors(self.label)
        self.sending = SendingErrors(self.label)

    def stands_at(self, line: int) -> None:
        """Take the line of its name in the file."""
        self._line = line

    def announce(self) -> None:
        """Tell the logger `authority_queries.sql` what runs, without parameters."""
        if _logger.isEnabledFor(logging.DEBUG):
            _logger.debug("%s:%d %s", self._path, self._line, self._name)


class ServerErrors:
    """Names what PostgreSQL refuses within its block. Without state: use it again."""

    __slots__ = ("_label",)

    def __init__(self, label: str) -> None:
        self._label = label

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raise the error by our name; without one it passes through."""
        if error is not None and (known := self._name(error, self._label)) is not None:
            raise known from error

    @staticmethod
    def _name(error: BaseException, label: str) -> AuthorityError | None:
        if isinstance(error, psycopg.Error) and error.sqlstate is not None:
            return errors.from_driver(error, label)
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

    @staticmethod
    def _name(error: BaseException, label: str) -> AuthorityError | None:
        if isinstance(error, AuthorityError):
            return None
        if isinstance(error, UnicodeEncodeError | psycopg.DataError):
            return errors.from_driver(error, label)
        if getattr(error, "sqlstate", None) is None and isinstance(error, _UNSENDABLE):
            message = f"{label}: a value is of a kind that cannot be sent"
            return InvalidArgumentError(message)
        return ServerErrors._name(error, label)
