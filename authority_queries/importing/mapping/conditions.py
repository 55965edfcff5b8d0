"""Conditions of mapping files."""

from collections.abc import Sequence
from dataclasses import dataclass

from authority_queries.importing.conversions import (
    ConversionError,
    Value,
    text,
    unwrapped,
)
from authority_queries.importing.mapping.language import Condition
from authority_queries.importing.mapping.paths import FieldPath, Scope, parse_path
from authority_queries.importing.mapping.problems import (
    Location,
    Problem,
    Problems,
)


@dataclass(frozen=True, slots=True)
class Test:
    """A condition whose path is parsed. It does not use its field."""

    path: FieldPath
    rule: Condition

    def holds(self, scope: Scope) -> bool:
        """Return whether the condition holds."""
        found = scope.look(self.path)
        rule = self.rule
        if rule.exists is not None and rule.exists != (found is not None):
            return False
        written = _written(found)
        if rule.is_in is not None and written not in rule.is_in:
            return False
        return rule.is_not_in is None or written not in rule.is_not_in


def all_hold(tests: Sequence[Test], scope: Scope) -> bool:
    """Return whether all conditions hold."""
    return all(test.holds(scope) for test in tests)


def compile_conditions(
    rules: Sequence[Condition], at: Location, problems: Problems
) -> list[Test]:
    """Return the tests of conditions. Adds what is wrong with them to `problems`."""
    tests = []
    for rule in rules:
        try:
            tests.append(Test(parse_path(rule.source), rule))
        except ValueError as error:
            problems.append(Problem(at, str(error)))
        if rule.is_in is None and rule.is_not_in is None and rule.exists is None:
            problems.append(Problem(at, "a condition needs is, not or exists"))
    return tests


def _written(value: Value) -> str | None:
    value = unwrapped(value)
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return text(value)
    except ConversionError:
        return None
