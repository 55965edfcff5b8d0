"""The records, and the queries that return them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from authority_queries.codegen.describing.type_parts import Literals, Part
from authority_queries.codegen.describing.typed_query import TypedQuery, TypedValue
from authority_queries.codegen.errors import Faults, GenerationError
from authority_queries.codegen.python_names import cap_words
from authority_queries.codegen.query import Case, Query
from authority_queries.codegen.rendering.named_types import with_names

Shape = tuple[tuple[tuple[str, tuple[Part, ...], bool], ...], tuple[Case, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A class for the rows of one `@when`, or of none."""

    name: str
    values: tuple[str, ...]
    fields: tuple[TypedValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A class for the rows that these queries return or take.

    With `variants` it is a union, distinguished by the values of the column `told_by`.
    """

    name: str
    fields: tuple[TypedValue, ...]
    queries: tuple[Query, ...]
    told_by: str = ""
    variants: tuple[Variant, ...] = ()

    @property
    def classes(self) -> Sequence[str]:
        """The names of its classes."""
        return [variant.name for variant in self.variants] or [self.name]


class Records:
    """The records of queries, in the order of the first query of each."""

    def __init__(self, queries: Sequence[TypedQuery]) -> None:
        self._with_record = [typed for typed in queries if typed.fields]
        faults = Faults()
        for typed in queries:
            if typed.query.tags.row and not typed.fields:
                message = "@row is for a query that has a record"
                faults.add(typed.query.refuse_tag("row", "", message))
        self._declared = self._read_declared(faults)
        faults.refuse()
        members: dict[str, list[TypedQuery]] = {}
        for typed in self._with_record:
            members.setdefault(self._name(typed), []).append(typed)
        self.all = [_record(name, same) for name, same in members.items()]
        self._by_place = {
            query.place: record for record in self.all for query in record.queries
        }

    def of(self, typed: TypedQuery) -> Record:
        """Return the record of a query that has one."""
        return self._by_place[typed.query.place]

    def _read_declared(self, faults: Faults) -> dict[str, TypedQuery]:
        """Return the first query of each `@row`. Another shape is a fault."""
        declared: dict[str, TypedQuery] = {}
        for typed in self._with_record:
            if name := typed.query.tags.row:
                first = declared.setdefault(name, typed)
                if _shape(first) != _shape(typed):
                    faults.add(_different(name, first, typed))
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
    fields = ((value.name, value.type.parts, value.nullable) for value in typed.fields)
    return tuple(fields), typed.query.tags.cases


def _record(name: str, same: Sequence[TypedQuery]) -> Record:
    """Make the record. Constants of a query are named after it: `RefusalOutcome`."""
    fields = tuple(
        replace(_field(name, values[0]), comment=_comment(values))
        for values in zip(*(typed.fields for typed in same), strict=True)
    )
    cases = same[0].query.tags.cases
    return Record(
        name=name,
        fields=fields,
        queries=tuple(typed.query for typed in same),
        told_by=cases[0].column if cases else "",
        variants=tuple(_variants(name, fields, cases)),
    )


def _comment(values: Sequence[TypedValue]) -> str:
    return next((value.comment for value in values if value.comment), "")


def _variants(
    name: str, fields: Sequence[TypedValue], cases: Sequence[Case]
) -> Iterator[Variant]:
    for case in cases:
        yield Variant(
            name=name + cap_words(case.values[0]),
            values=case.values,
            fields=tuple(_of_case(field, case) for field in fields),
        )
    if cases and (others := _other_values(fields, cases)):
        rest = Case(column=cases[0].column, values=others, notnull=())
        yield Variant(
            name=f"{name}Otherwise",
            values=others,
            fields=tuple(_of_case(field, rest) for field in fields),
        )


def _other_values(
    fields: Sequence[TypedValue], cases: Sequence[Case]
) -> tuple[str, ...]:
    """Return the values of the column that no case names."""
    named = {value for case in cases for value in case.values}
    return tuple(
        value
        for field in fields
        if field.name == cases[0].column
        for part in field.type.parts
        if isinstance(part, Literals)
        for value in part.values
        if value not in named
    )


def _of_case(field: TypedValue, case: Case) -> TypedValue:
    """Return a field as it is in the rows of one case."""
    if field.name == case.column:
        return replace(
            field,
            type=replace(field.type, parts=(Literals(values=tuple(case.values)),)),
        )
    return replace(field, nullable=field.nullable and field.name not in case.notnull)


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
    message = (
        f"@row {name} differs from the one in {first.query.place}: "
        f"{_first_difference(first.fields, other.fields)}; use another name for one"
    )
    return other.query.refuse_tag("row", "", message)


def _first_difference(here: Sequence[TypedValue], there: Sequence[TypedValue]) -> str:
    for one, other in zip(here, there, strict=False):
        if one.name != other.name:
            return f"column {other.name} is in the place of {one.name}"
        if one.type.parts != other.type.parts:
            return f"column {one.name} is of another type"
        if one.nullable is not other.nullable:
            who = "here" if other.nullable else "there"
            return f"column {one.name} can be null only {who}"
    if len(here) == len(there):
        return "their @when differ"
    longer = max(here, there, key=len)
    return f"column {longer[min(len(here), len(there))].name} is only in one of them"
