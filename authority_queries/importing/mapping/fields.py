"""Rules of an entry: a value for each field, also inside of open objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from authority_queries.importing.conversions import Value, list_items, plain_json
from authority_queries.importing.mapping import language
from authority_queries.importing.mapping.conditions import Test, compile_conditions
from authority_queries.importing.mapping.language import (
    EachRule,
    EntryRule,
    ValueRule,
)
from authority_queries.importing.mapping.paths import (
    FieldPath,
    Scope,
    elements,
    follow,
    parse_path,
)
from authority_queries.importing.mapping.problems import (
    Location,
    Problem,
    Problems,
    problems_of,
)
from authority_queries.importing.mapping.targets import (
    ENTRIES,
    RANKS,
    Target,
    targets_of,
)
from authority_queries.importing.mapping.values import Compute, compile_value
from authority_queries.importing.sources.role_names import imported_role

# Fields with the name of a role. A role of an application must not become that of the
# authority with its name, unless the rule says so.
_ROLES: Final = frozenset(
    {("role", "name"), ("role_permission", "role"), ("user_role", "role")}
)
_CHOOSES: Final = "authority_role"
_VALUE: Final = TypeAdapter[ValueRule](language.Value)
# A table with one of these keys is a value. Any other table has fields of an object.
_OF_VALUES: Final = {"from", "constant", "template"}


@dataclass(frozen=True, slots=True)
class EachOf:
    """The list whose elements become entries."""

    path: FieldPath
    separator: str | None

    def scopes(self, scope: Scope) -> Iterator[Scope]:
        """Yield the scope of each element. Raises ConversionError."""
        steps = self.path.steps
        value = follow(scope.document, steps)
        if isinstance(value, str) and self.separator is not None:
            for item in list_items(value, separator=self.separator):
                yield replace(scope, element=item, above=steps)
        else:
            for element, above in elements(value, steps):
                yield replace(scope, element=element, above=above)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledEntry:
    """The rules of an entry, ready to be used.

    `fields` are whole fields. `inner` are fields inside of objects: the name of the
    object, the names inside, and the value.
    """

    kind: str
    each: EachOf | None
    tests: Sequence[Test]
    fields: Mapping[str, Compute]
    inner: Sequence[tuple[tuple[str, ...], Compute]]

    def values(self, scope: Scope, tenant: str) -> dict[str, Value]:
        """Return the fields that have values. Raises ConversionError."""
        found = {
            name: value
            for name, compute in self.fields.items()
            if (value := compute(scope, tenant)) is not None
        }
        for names, compute in self.inner:
            value = compute(scope, tenant)
            if value is not None:
                put(found, names, plain_json(value))
        return found


def put(fields: dict[str, Value], names: Sequence[str], value: JsonValue) -> bool:
    """Set a field inside of objects. Returns False if the name is taken."""
    *above, last = names
    for name in above:
        inner = fields.setdefault(name, {})
        if not isinstance(inner, dict):
            return False
        fields = inner
    if last in fields:
        return False
    fields[last] = value
    return True


def compile_entry(rule: EntryRule, at: Location, problems: Problems) -> CompiledEntry:
    """Return the rules of an entry. Adds what is wrong with them to `problems`."""
    fields = _Fields(rule.kind, problems)
    if rule.kind in ENTRIES:
        for name, raw in (rule.model_extra or {}).items():
            fields.add(tuple(name.split(".")), raw, (*at, name))
        fields.check_required(at)
    else:
        reason = f"is no kind of entry: use one of {', '.join(RANKS)}"
        problems.append(Problem((*at, "kind"), reason))
    return CompiledEntry(
        kind=rule.kind,
        each=_each(rule.each, (*at, "each"), problems),
        tests=compile_conditions(rule.when, (*at, "when"), problems),
        fields=fields.whole,
        inner=fields.inner,
    )


class _Fields:
    """Collects the values of an entry, and what is wrong with their rules."""

    def __init__(self, kind: str, problems: Problems) -> None:
        self._kind = kind
        self._problems = problems
        self.whole: dict[str, Compute] = {}
        self.inner: list[tuple[tuple[str, ...], Compute]] = []

    def add(self, names: tuple[str, ...], raw: object, at: Location) -> None:
        """Add a value, or all values of a table of an object."""
        target = targets_of(self._kind).get(names[0])
        if target is None:
            near = get_close_matches(names[0], targets_of(self._kind), n=1)
            hint = f": is it {near[0]}?" if near else ""
            self._problems.append(Problem(at, f"is no field of {self._kind}{hint}"))
        elif len(names) > 1 and not target.is_object:
            self._problems.append(Problem(at, f"{target.name} has no fields inside"))
        elif target.is_object and isinstance(raw, dict) and not _OF_VALUES & raw.keys():
            for name, value in raw.items():
                self.add((*names, name), value, (*at, name))
        elif len(names) == 1:
            if compute := self._compute(raw, target, at):
                self.whole[target.name] = compute
        elif compute := self._compute(raw, _inner(target), at):
            self.inner.append((names, compute))

    def check_required(self, at: Location) -> None:
        """Report the fields that the kind needs and that have no rule."""
        missing = [
            target.name
            for target in targets_of(self._kind).values()
            if target.is_required and target.name not in self.whole
        ]
        if missing:
            reason = f"{self._kind} needs {', '.join(missing)}"
            self._problems.append(Problem(at, reason))

    def _compute(self, raw: object, target: Target, at: Location) -> Compute | None:
        try:
            rule = _VALUE.validate_python(raw)
        except ValidationError as error:
            self._problems += problems_of(error, at)
            return None
        compute = compile_value(rule, target, at, self._problems)
        is_role = (self._kind, target.name) in _ROLES
        if compute is None or not is_role or _names_roles_here(rule):
            return compute
        return partial(_imported, compute)


def _names_roles_here(rule: ValueRule) -> bool:
    """Return whether the person who wrote the rule chose roles of this authority."""
    chosen = rule.constant is not None or rule.values is not None
    return chosen or _CHOOSES in rule.convert


def _imported(compute: Compute, scope: Scope, tenant: str) -> Value:
    name = compute(scope, tenant)
    return imported_role(name) if isinstance(name, str) else name


def _inner(target: Target) -> Target:
    return Target(target.name, is_required=False, convert=plain_json)


def _each(rule: EachRule | None, at: Location, problems: Problems) -> EachOf | None:
    if rule is None:
        return None
    try:
        path = parse_path(rule.source)
    except ValueError as error:
        problems.append(Problem(at, str(error)))
        return None
    if path.is_inner:
        problems.append(Problem(at, "must be a path of the document"))
    return EachOf(path, rule.separator)
