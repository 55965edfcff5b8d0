"""The generator's errors, and the results of its commands."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from authority_queries.errors import AuthorityError

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file. Lines and columns count from 1, columns count characters."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        """Return `queries/users.sql:12:8`, which editors and terminals open."""
        folder = Path.cwd()
        below = self.path.is_relative_to(folder)
        path = self.path.relative_to(folder if below else self.path.parent.parent)
        return f"{path.as_posix()}:{self.line}:{self.column}"


class GenerationError(AuthorityError):
    """A query file, an annotation or a setting that the generator cannot use.

    The message has the place, the problem, and the remedy. `errors` are the single
    errors of a run with several.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message if place is None else f"{place}: {message}")
        self.place = place
        self.errors: Sequence[GenerationError] = (self,)


class Faults:
    """Collects the errors of a run, so that the run reports all of them."""

    def __init__(self) -> None:
        self._errors: list[GenerationError] = []

    def __bool__(self) -> bool:
        """Return whether there is an error."""
        return bool(self._errors)

    def add(self, *errors: GenerationError) -> None:
        """Add errors. An error of a run with several is split into these."""
        self._errors += [single for error in errors for single in error.errors]

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Add the error that the block raises, instead of raising it."""
        try:
            yield
        except GenerationError as error:
            self.add(error)

    def each(
        self, make: Callable[[Given], Made], items: Iterable[Given]
    ) -> tuple[Made, ...]:
        """Return the result for each item, and add the errors that are raised."""
        made = []
        for item in items:
            with self.collected():
                made.append(make(item))
        return tuple(made)

    def refuse(self) -> None:
        """Raise all errors as one, ordered by place, if there are any."""
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            errors = sorted(self._errors, key=_order)
            found = GenerationError("\n".join(map(str, errors)))
            found.errors = errors
            raise found


def _order(error: GenerationError) -> tuple[bool, Place]:
    return error.place is None, error.place or Place(Path(), 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The text that a command prints on stdout, and its failure, if any."""

    text: str
    fault: str | None = None
