"""What a schema adds to the engine: names of its errors, and secrets never to be sent.

The engine names PostgreSQL's own errors. A package with a schema registers the rest
when it is imported.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from psycopg.types.numeric import Int2, Int4, Int8

from authority_queries.engine.errors import (
    AuthorityError,
    ConstraintError,
    InvalidValueError,
)

# Makes the error of a refused statement from the statement's name.
Refusal: TypeAlias = Callable[[str], AuthorityError]


# No guard is asked about these: they carry no text. Their subclasses may.
_WITHOUT_TEXT: Final = frozenset(
    {type(None), bool, int, Int2, Int4, Int8, float, UUID, datetime, timedelta}
)


class Rule(NamedTuple):
    """What a check constraint allows, in words.

    `argument` is empty where the constraint concerns several arguments.
    """

    allows: str
    argument: str = ""
    error: type[ConstraintError] = InvalidValueError


class Vocabulary:
    """The rules by constraint name, the refusals by SQLSTATE, and the guards."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._rules_by_ending: dict[str, Rule] = {}
        self._refusals: dict[str, Refusal] = {}
        self._guards: list[Callable[[object], bool]] = []

    def register(
        self,
        *,
        rules: Mapping[str, Rule],
        rules_by_ending: Mapping[str, Rule],
        refusals: Mapping[str, Refusal],
        is_secret: Callable[[object], bool],
    ) -> None:
        """Add the rules and refusals of a schema, and the guard of its secrets.

        `rules` are by the constraint's name, `rules_by_ending` by the end of its name,
        `refusals` by SQLSTATE. A value of which `is_secret` is true is never sent.
        """
        self._rules |= rules
        self._rules_by_ending |= rules_by_ending
        self._refusals |= refusals
        self._guards.append(is_secret)

    def rule_of(self, constraint: str) -> Rule | None:
        """Return the words for a constraint, or None when its name suffices."""
        for ending, rule in self._rules_by_ending.items():
            if constraint.endswith(ending):
                return rule
        return self._rules.get(constraint)

    def refusal_of(self, sqlstate: str | None, statement: str) -> AuthorityError | None:
        """Return the error that the schema's own SQLSTATE means, or None."""
        refusal = self._refusals.get(sqlstate or "")
        return None if refusal is None else refusal(statement)

    def is_secret(self, value: object) -> bool:
        """Return whether a value carries a secret, and so must not be sent."""
        if type(value) in _WITHOUT_TEXT:
            return False
        # Not `any`, whose generator takes longer than a guard.
        for guard in self._guards:  # noqa: SIM110 -- see above
            if guard(value):
                return True
        return False


VOCABULARY: Final = Vocabulary()
