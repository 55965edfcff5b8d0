"""Computes values of a document by the rules of a mapping file."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Final, TypeAlias

from authority_queries.importing.conversions import (
    CONVERSIONS,
    ConversionError,
    Value,
    list_items,
    mapped,
    text,
    uuid,
)
from authority_queries.importing.documents import derive_id
from authority_queries.importing.mapping.conditions import (
    all_hold,
    compile_conditions,
)
from authority_queries.importing.mapping.language import LookupRule, ValueRule
from authority_queries.importing.mapping.lookups import Lookup
from authority_queries.importing.mapping.paths import FieldPath, Scope, parse_path
from authority_queries.importing.mapping.problems import (
    Location,
    Problem,
    Problems,
)
from authority_queries.importing.mapping.targets import RANKS, Convert, Target

Compute: TypeAlias = Callable[[Scope, str], Value]

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_OPTIONS: Final = ("separator", "size", "values")
_LIST: Final = "list"
_UUID_LENGTHS: Final = (32, 36, 38, 45)  # without hyphens, with them, in braces, as URN
_OCTETS: Final = (
    "needs convert: base64, hex, sha256, foreign_token or foreign_digest, for example"
)


@dataclass(frozen=True, slots=True)
class Computed:
    """The value of a target: found in a document, and converted.

    `paths` are the fields, `parts` the texts between them if it is a template.
    """

    label: str
    paths: Sequence[FieldPath]
    parts: Sequence[str]
    default: Value
    steps: Sequence[Convert]
    lookup: Lookup | None = None
    derive: str | None = None
    is_uuid: bool = False
    separator: str | None = None
    is_list: bool = False

    def __call__(self, scope: Scope, tenant: str) -> Value:
        """Return the value, or None. Raises ConversionError with the field's name."""
        found = self._filled(scope) if self.parts else self._first(scope)
        if found is None:
            return self.default
        try:
            return self._converted(found, scope, tenant)
        except ConversionError as error:
            message = f"{self.label} {error}"
            raise ConversionError(message) from None

    def _first(self, scope: Scope) -> Value:
        for path in self.paths:
            found = scope.find(path)
            if found is not None:
                return found
        return None

    def _filled(self, scope: Scope) -> Value:
        filled = [self.parts[0]]
        for path, part in zip(self.paths, self.parts[1:], strict=True):
            found = scope.find(path)
            if found is None:
                return None
            filled += text(found), part
        return "".join(filled)

    def _converted(self, value: Value, scope: Scope, tenant: str) -> Value:
        if not self.is_list:
            return self._item(value, scope, tenant)
        items = list_items(value, separator=self.separator)
        found = [self._item(item, scope, tenant) for item in items]
        is_unique = all(isinstance(item, str) for item in found)
        return list(dict.fromkeys(found)) if is_unique else found

    def _item(self, value: Value, scope: Scope, tenant: str) -> Value:
        if self.lookup is not None and scope.lookups is not None:
            value = scope.lookups.find(self.lookup, value)
        for convert in self.steps:
            value = convert(value)
        if self.derive is None:
            return value
        found = _derived(value, tenant, self.derive)
        return found if self.is_uuid else str(found)


def compile_value(
    rule: ValueRule, target: Target, at: Location, problems: Problems
) -> Compute:
    """Return the function of a rule. Adds what is wrong with it to `problems`."""
    tests = compile_conditions(rule.when, (*at, "when"), problems)
    if rule.constant is not None:
        compute = _constant(rule, at, problems)
    else:
        compute = _computed(rule, target, at, problems)
    if not tests:
        return compute
    return lambda scope, tenant: (
        compute(scope, tenant) if all_hold(tests, scope) else None
    )


def _constant(rule: ValueRule, at: Location, problems: Problems) -> Compute:
    if rule.model_fields_set - {"constant", "when"}:
        problems.append(Problem(at, "has a constant: it has no other keys then"))
    return lambda _scope, _tenant: rule.constant


def _computed(
    rule: ValueRule, target: Target, at: Location, problems: Problems
) -> Computed:
    parts = _PLACE.split(rule.template) if rule.template else []
    names = parts[1::2] if parts else rule.sources
    paths = [path for name in names if (path := _path(name, at, problems))]
    if not paths:
        problems.append(Problem(at, "needs from, constant or template"))
    if rule.template and rule.sources:
        problems.append(Problem(at, "has from and template: only one of them"))
    if rule.derive and rule.derive not in RANKS:
        problems.append(Problem((*at, "derive"), "is no kind of entry"))
    return Computed(
        label=rule.template or " or ".join(rule.sources),
        paths=paths,
        parts=parts[::2],
        default=rule.default,
        steps=_steps(rule, target, at, problems),
        lookup=_lookup(rule.lookup, (*at, "lookup"), problems),
        derive=rule.derive,
        is_uuid=target.convert is uuid,
        separator=rule.separator,
        is_list=target.is_list,
    )


def _derived(value: Value, tenant: str, kind: str) -> Value:
    """Return a UUID as it is, and any other id as one that is derived from it."""
    if not isinstance(value, str) or len(value) in _UUID_LENGTHS:
        try:
            return uuid(value)
        except ConversionError:
            pass
    if not tenant:
        message = "needs a tenant: set tenant in the mapping, or use --tenant"
        raise ConversionError(message)
    return derive_id(tenant, kind, text(value))


def _lookup(rule: LookupRule | None, at: Location, problems: Problems) -> Lookup | None:
    if rule is None:
        return None
    if rule.collection not in problems.collections:
        problems.append(Problem(at, f"{rule.collection} is no collection of the file"))
    by = _path(rule.by, (*at, "by"), problems)
    get = _path(rule.get, (*at, "get"), problems)
    return Lookup(rule.collection, by, get) if by and get else None


def _path(name: str, at: Location, problems: Problems) -> FieldPath | None:
    try:
        return parse_path(name)
    except ValueError as error:
        problems.append(Problem(at, str(error)))
        return None


def _steps(
    rule: ValueRule, target: Target, at: Location, problems: Problems
) -> list[Convert]:
    """Return the conversions of a value, or of each item of a list."""
    options: dict[str, object] = {
        name: value for name in _OPTIONS if (value := getattr(rule, name)) is not None
    }
    names = list(rule.convert)
    if target.is_list:  # it is split before
        options.pop("separator", None)
        names = [name for name in names if name != _LIST]
    steps = []
    for name in names:
        if name in CONVERSIONS:
            steps.append(_with_options(CONVERSIONS[name], options))
        else:
            problems.append(Problem((*at, "convert"), f"{name!r} is no conversion"))
    if "values" in options:
        steps.append(_with_options(mapped, options))
    elif not names and not rule.derive:
        steps.append(target.convert or text)
        if target.convert is None:
            problems.append(Problem(at, _OCTETS))
    problems += [
        Problem((*at, name), "is an option of no conversion here") for name in options
    ]
    return steps


def _with_options(convert: Convert, options: dict[str, object]) -> Convert:
    """Return a conversion with those options that it takes, and remove them."""
    names = signature(convert).parameters.keys() & options
    taken = {name: options.pop(name) for name in names}
    return (lambda value: convert(value, **taken)) if taken else convert
