"""The journal of an import: a file of JSON lines, from which it goes on."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, Self

from pydantic import ValidationError

from authority_queries.errors import ConfigurationError
from authority_queries.importing.writing.journal_lines import (
    LINE,
    Finished,
    Header,
    Line,
    Resumed,
)

# What an import that goes on has in common with the journal, and its name in messages.
_SAME: Final = {
    "source": "source",
    "database": "database",
    "tenant": "tenant",
    "since": "--since",
    "mapping": "--mapping, or the mapping file was changed",
}


class Journal:
    """An open journal. Only one process can have it open."""

    def __init__(self, file: IO[bytes], place: Path | None) -> None:
        self._file = file
        self._place = place

    @classmethod
    def begin(cls, place: Path | None, header: Header) -> Self:
        """Begin a journal in this file. None means a file that nobody else sees.

        Raises ConfigurationError if the file is that of an unfinished import.
        """
        if place is None:
            # Its owner closes it.
            journal = cls(TemporaryFile(), None)  # noqa: SIM115
        else:
            journal = cls._open(place, create=True)
            with _closed_on_error(journal):
                journal._replace()
        journal.append(header)
        return journal

    @classmethod
    def resume(cls, place: Path) -> Self:
        """Open the journal of an unfinished import. Raises ConfigurationError."""
        journal = cls._open(place, create=False)
        with _closed_on_error(journal):
            journal._truncate()
        return journal

    def append(self, line: Line) -> None:
        """Write a line, and wait until it is on the disk."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(line.model_dump_json(exclude_defaults=False).encode() + b"\n")
        self._file.flush()
        if self._place is not None:
            os.fsync(self._file.fileno())

    def lines(self) -> Iterator[Line]:
        """Yield the lines so far. Raises ConfigurationError."""
        position = 0
        while True:
            self._file.seek(position)
            text = self._file.readline()
            if not text.endswith(b"\n"):
                return
            position = self._file.tell()
            try:
                yield LINE.validate_json(text)
            except ValidationError:
                message = f"{self._place} is not the journal of an import"
                raise ConfigurationError(message) from None

    @property
    def is_empty(self) -> bool:
        """Whether the import was killed before it wrote the first line."""
        return next(self.lines(), None) is None

    @property
    def header(self) -> Header:
        """The first line. Raises ConfigurationError."""
        first = next(self.lines(), None)
        if not isinstance(first, Header):
            message = f"{self._place} is not the journal of an import"
            raise ConfigurationError(message)
        return first

    @property
    def is_finished(self) -> bool:
        """Whether the import has ended."""
        return any(isinstance(line, Finished) for line in self.lines())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @classmethod
    def _open(cls, place: Path, *, create: bool) -> Self:
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        try:
            # For its owner only: the ids of documents may be personal data.
            file = os.fdopen(os.open(place, flags, 0o600), "r+b")
        except OSError as error:
            message = f"the journal {place} cannot be opened: {error.strerror}"
            raise ConfigurationError(message) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            message = f"another import is writing the journal {place}"
            raise ConfigurationError(message) from None
        return cls(file, place)

    def _replace(self) -> None:
        if not self.is_empty and not (self.header and self.is_finished):
            message = (
                f"{self._place} is the journal of an unfinished import: go on with "
                "--resume, or delete it to begin again"
            )
            raise ConfigurationError(message)
        self._file.truncate(0)

    def _truncate(self) -> None:
        """Remove the end of a line that was not written whole."""
        end = 0
        for _ in self.lines():
            end = self._file.tell()
        self._file.truncate(end)


def resumed(place: Path, header: Header) -> Journal:
    """Open the journal of an unfinished import, and note that it goes on.

    `header` is that of the run that goes on. Raises ConfigurationError unless its
    source, database, tenant, time and mapping are those of the journal, and both update
    or neither.
    """
    journal = Journal.resume(place)
    with _closed_on_error(journal):
        if journal.is_empty:
            journal.append(header)
            return journal
        before = journal.header
        if journal.is_finished:
            message = f"{place} is the journal of a finished import"
            raise ConfigurationError(message)
        _check_same(place, before, header)
        journal.append(Resumed(run=header.run, login=header.login, at=header.at))
    return journal


def _check_same(place: Path, before: Header, header: Header) -> None:
    for field, what in _SAME.items():
        if getattr(before, field) != getattr(header, field):
            message = f"{place} is the journal of an import with another {what}"
            raise ConfigurationError(message)
    if before.is_update is not header.is_update:
        with_it = "with" if before.is_update else "without"
        message = f"{place} is the journal of an import {with_it} --update"
        raise ConfigurationError(message)


@contextmanager
def _closed_on_error(journal: Journal) -> Iterator[None]:
    try:
        yield
    except BaseException:
        journal.close()
        raise
