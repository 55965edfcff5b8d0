"""Converts the documents of a collection by the rules of a mapping file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from pydantic import JsonValue, ValidationError

from authority_queries.importing.conversions import (
    ConversionError,
    Value,
    plain_json,
    text,
)
from authority_queries.importing.documents import Document, Dropped
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.mapping.compiling import CompiledCollection
from authority_queries.importing.mapping.conditions import all_hold
from authority_queries.importing.mapping.fields import CompiledEntry, put
from authority_queries.importing.mapping.lookups import Lookups
from authority_queries.importing.mapping.paths import (
    Scope,
    leftover,
    names_of,
)
from authority_queries.importing.mapping.targets import ENTRIES, RANKS
from authority_queries.importing.refusals import reason_of
from authority_queries.importing.sources.keeping import keep_open

_UNKNOWN: Final = "unknown field"
_TAKEN: Final = "a field of this name is kept already"
_NO_ENTRY: Final = "no entry has its conditions"
_WHOLE: Final = "*"


class Mapper:
    """Converts documents of one collection.

    `tenant` is that of documents without one.
    """

    def __init__(
        self,
        rules: CompiledCollection,
        tenant: str | None,
        lookups: Lookups | None = None,
    ) -> None:
        self._rules = rules
        self._tenant = tenant
        self._lookups = lookups

    def changed_at(self, document: Mapping[str, object]) -> datetime | None:
        """Return when a document was changed, if that is known."""
        rule = self._rules.changed_at
        try:
            found = rule(self._scope(document), "") if rule else None
        except ConversionError:
            return None
        return found if isinstance(found, datetime) else None

    def convert(self, document: Mapping[str, object], position: JsonValue) -> Document:
        """Convert a document: its entries, or why it is refused or left out."""
        work = _Work(self._rules, document, self._scope(document))
        key, tenant = self._id(document, position), None
        entries: list[AnyEntry] = []
        refused = None
        try:
            if not work.is_skipped():
                tenant = self._tenant_of(work.scope)
                entries = work.entries(tenant or self._tenant)
        except ConversionError as error:
            refused = str(error)
        return Document(
            id=key,
            position=position,
            tenant=tenant,
            entries=entries if refused is None else (),
            dropped=tuple(work.dropped) if refused is None else (),
            refused=refused,
        )

    def refuse(self, reason: str, position: JsonValue) -> Document:
        """Return the document of one that could not be read."""
        if self._rules.ignore:
            return self.convert({}, position)
        return Document(id=self._id({}, position), position=position, refused=reason)

    def _scope(self, document: Mapping[str, object]) -> Scope:
        return Scope(document, lookups=self._lookups)

    def _tenant_of(self, scope: Scope) -> str | None:
        rule = self._rules.tenant
        found = rule(scope, "") if rule else None
        return None if found is None else text(found)

    def _id(self, document: Mapping[str, object], position: JsonValue) -> str:
        scope = Scope(document)
        for path in self._rules.ids:
            found = scope.find(path)
            if found is not None:
                return str(plain_json(found))
        match position:
            case [_, int(number)]:  # of a file of lines
                return f"line {number}"
            case int():
                return f"document {position}"
        return str(position)


@dataclass(slots=True)
class _Work:
    """The conversion of one document."""

    rules: CompiledCollection
    document: Mapping[str, object]
    scope: Scope
    dropped: list[Dropped] = field(default_factory=list)

    def is_skipped(self) -> bool:
        """Return whether the document is left out, and note the reason."""
        reasons = [reason for test, reason in self.rules.skip if test.holds(self.scope)]
        reasons = [self.rules.ignore] if self.rules.ignore else reasons
        self.dropped += [Dropped(field=_WHOLE, reason=each) for each in reasons[:1]]
        return bool(reasons)

    def entries(self, tenant: str | None) -> list[AnyEntry]:
        """Return the entries. Raises ConversionError."""
        found: list[tuple[CompiledEntry, dict[str, Value]]] = []
        for rule in self.rules.entries:
            scopes = rule.each.scopes(self.scope) if rule.each else [self.scope]
            for scope in scopes:
                if all_hold(rule.tests, scope):
                    found.append((rule, rule.values(scope, tenant or "")))
        if not found:
            self.dropped.append(Dropped(field=_WHOLE, reason=_NO_ENTRY))
            return []
        self._drop()
        is_first = found[0][0] is self.rules.entries[0]
        self._keep(found[0][1], self.rules.keeps if is_first else None)
        made = [_entry(rule.kind, values) for rule, values in found]
        return sorted(made, key=lambda entry: RANKS[entry.kind])

    def _drop(self) -> None:
        for path, reason in self.rules.drop:
            if self.scope.find(path) is not None:
                self.dropped.append(Dropped(field=path.text, reason=reason))

    def _keep(self, values: dict[str, Value], field: str | None) -> None:
        """Keep the fields that no rule has used, or drop them."""
        left = leftover(self.document, self.scope.used)
        if field is None:
            self._note(left, _UNKNOWN)
            return
        plain = {name: plain_json(value) for name, value in left.items()}
        for name, value in keep_open(plain, self.dropped).items():
            if not put(values, (field, name), value):
                self._note({name: left[name]}, _TAKEN)

    def _note(self, left: Mapping[str, object], reason: str) -> None:
        paths = dict.fromkeys(names_of(left) if left else ())
        self.dropped += [Dropped(field=path, reason=reason) for path in paths]


def _entry(kind: str, values: dict[str, Value]) -> AnyEntry:
    try:
        entry = ENTRIES[kind].model_validate(values)
    except ValidationError as error:
        message = f"{kind}.{reason_of(error)}"
        raise ConversionError(message) from None
    return cast("AnyEntry", entry)
