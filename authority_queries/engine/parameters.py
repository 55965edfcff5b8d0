"""The parameters of one query, each with its check."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from authority_queries.engine.checks import Check
from authority_queries.engine.errors import InvalidArgumentError

Result = TypeVar("Result")


class Parameters:
    """The checks of a query's parameters (`users.create`), in their order."""

    __slots__ = ("_checks", "query")

    def __init__(self, query: str, /, **checks: Check[object]) -> None:
        self.query = query
        self._checks = checks

    def __iter__(self) -> Iterator[str]:
        """Iterate over their names."""
        return iter(self._checks)

    def sent(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return the values that are sent for the arguments of a call.

        Raises InvalidArgumentError, with the names of argument and query.
        """
        checks = self._checks
        try:
            return {name: checks[name](name, value) for name, value in given.items()}
        except InvalidArgumentError as error:
            error.query = self.query
            raise

    def sent_row(self, row: Sequence[object]) -> list[object]:
        """Return the values that are sent for a row in the parameters' order."""
        return [*self.sent(dict(zip(self._checks, row, strict=True))).values()]

    def checked(self, call: Callable[..., Result]) -> Callable[..., Result]:
        """Return the function that checks its arguments and then calls this one."""

        def checked(*place: object, **given: object) -> Result:
            return call(*place, **self.sent(given))

        return checked
