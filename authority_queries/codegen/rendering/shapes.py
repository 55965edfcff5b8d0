"""Which records there are, and which query gives which."""

from collections.abc import Sequence
from dataclasses import dataclass

from authority_queries.codegen.describing.python_type import Literals, Part
from authority_queries.codegen.describing.typed import TypedQuery, TypedValue
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.model import Query
from authority_queries.codegen.rendering.aliases import with_names
from authority_queries.codegen.rendering.naming import cap_words

Shape = tuple[tuple[str, tuple[Part, ...], bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A class for a row: of these queries' results, or of what they are given."""

    name: str
    fields: tuple[TypedValue, ...]
    queries: tuple[Query, ...]


class Records:
    """The records of a set of queries, in the order in which queries name them."""

    def __init__(self, queries: Sequence[TypedQuery]) -> None:
        self._with_record = [typed for typed in queries if typed.fields]
        for typed in queries:
            if typed.query.tags.row and not typed.fields:
                message = f"{typed.query.place}: @row is for a query that has a record"
                raise GenerationError(message)
        self._declared = self._read_declared()
        members: dict[str, list[TypedQuery]] = {}
        for typed in self._with_record:
            members.setdefault(self._name(typed), []).append(typed)
        self.all = [_record(name, same) for name, same in members.items()]
        self._by_place = {
            query.place: record for record in self.all for query in record.queries
        }

    def of(self, typed: TypedQuery) -> Record:
        """Give the record of a query that has one."""
        return self._by_place[typed.query.place]

    def _read_declared(self) -> dict[str, TypedQuery]:
        """Give the first query of each `@row`. Raises GenerationError."""
        declared: dict[str, TypedQuery] = {}
        for typed in self._with_record:
            if name := typed.query.tags.row:
                first = declared.setdefault(name, typed)
                if _shape(first) != _shape(typed):
                    raise _different(name, first, typed)
        return declared

    def _name(self, typed: TypedQuery) -> str:
        if typed.query.tags.row:
            return typed.query.tags.row
        shape = _shape(typed)
        for name, first in self._declared.items():
            if _shape(first) == shape:
                return name
        first = next(other for other in self._with_record if _shape(other) == shape)
        return _default_name(first.query)


def _shape(typed: TypedQuery) -> Shape:
    return tuple(
        (value.name, value.type.parts, value.nullable) for value in typed.fields
    )


def _record(name: str, same: Sequence[TypedQuery]) -> Record:
    """Make the record; constants of a query are named for it: `RefusalOutcome`."""
    return Record(
        name=name,
        fields=tuple(_field(name, value) for value in same[0].fields),
        queries=tuple(typed.query for typed in same),
    )


def _field(record: str, value: TypedValue) -> TypedValue:
    names = {
        part: part.name or cap_words(f"{record}_{value.name}")
        for part in value.type.parts
        if isinstance(part, Literals)
    }
    return with_names(value, names)


def _default_name(query: Query) -> str:
    return cap_words(f"{query.path.stem}_{query.name}_row")


def _different(name: str, first: TypedQuery, other: TypedQuery) -> GenerationError:
    return GenerationError(
        f"{other.query.place}: @row {name} is not what it is in {first.query.place}: "
        f"{_first_difference(first.fields, other.fields)}; name one of them otherwise"
    )


def _first_difference(here: Sequence[TypedValue], there: Sequence[TypedValue]) -> str:
    for one, other in zip(here, there, strict=False):
        if one.name != other.name:
            return f"column {other.name} stands where there is {one.name}"
        if one.type.parts != other.type.parts:
            return f"column {one.name} is of another type"
        if one.nullable is not other.nullable:
            who = "here" if other.nullable else "there"
            return f"column {one.name} can be null only {who}"
    longer = max(here, there, key=len)
    return f"column {longer[min(len(here), len(there))].name} is only in one of them"
