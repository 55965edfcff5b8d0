"""The module records.py."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from authority_queries.codegen.describing.type_parts import Check, Composite
from authority_queries.codegen.describing.typed_query import TypedQuery, TypedValue
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.rendering.module_text import (
    Imports,
    Package,
    docstring,
    head,
)
from authority_queries.codegen.rendering.named_types import Composites, literals_in
from authority_queries.codegen.rendering.shapes import Record, Records, Variant
from authority_queries.codegen.rendering.spelling import Spelling

_SECRET: Final = re.compile(r"(^|_)(hash|secret|password)$")


def records_module(
    package: Package,
    source: str,
    queries: Sequence[TypedQuery],
    records: Records,
    tuples: Composites,
) -> str:
    """Write the records, the composite types, and the names of literals."""
    values = _values(queries, records, tuples)
    aliases = _aliases(values)
    classes = [*(composite.name for composite in tuples), *_classes(records)]
    _check_unique(aliases, classes)
    imports = Imports(package.name, {*aliases, *classes, *(v.name for v in values)})
    spelling = Spelling(imports, None)
    definitions = [
        "\n".join(_alias(spelling, *found) for found in sorted(aliases.items())),
        *(_tuple(spelling, *found) for found in tuples.items()),
        *(_record(spelling, record) for record in records.all),
    ]
    text = docstring(f"Rows of the queries in `{source}`.", indent="")
    body = "\n\n\n".join(definition for definition in definitions if definition)
    return f"{head(source)}{text}\n\n{imports.render()}\n\n{body}\n"


def _values(
    queries: Sequence[TypedQuery], records: Records, tuples: Composites
) -> Sequence[TypedValue]:
    return [
        *(value for typed in queries for value in (*typed.parameters, *typed.columns)),
        *(field for record in records.all for field in record.fields),
        *(field for fields in tuples.values() for field in fields),
    ]


def _aliases(values: Sequence[TypedValue]) -> dict[str, tuple[str, ...]]:
    aliases: dict[str, tuple[str, ...]] = {}
    for literals in literals_in(values):
        if literals.name is not None:
            known = aliases.setdefault(literals.name, literals.values)
            if known != literals.values:
                raise _ambiguous(literals.name)
    return aliases


def _check_unique(
    aliases: Mapping[str, tuple[str, ...]], classes: Sequence[str]
) -> None:
    seen = {*aliases}
    for name in classes:
        if name in seen:
            raise _ambiguous(name)
        seen.add(name)


def _classes(records: Records) -> list[str]:
    """Return the names of all records and of their classes by cases."""
    names = {
        name: None for record in records.all for name in (record.name, *record.classes)
    }
    return [*names]


def _ambiguous(name: str) -> GenerationError:
    return GenerationError(
        f"records.py would have two things named {name}; name a record otherwise by "
        "@row, or rename a type"
    )


def _alias(spelling: Spelling, name: str, texts: tuple[str, ...]) -> str:
    alias = spelling.name("typing", "TypeAlias")
    return f"{name}: {alias} = {spelling.literal(texts)}"


def _tuple(
    spelling: Spelling, composite: Composite, fields: Sequence[TypedValue]
) -> str:
    base = spelling.name("typing", "NamedTuple")
    text = f"A value of the type {composite.schema}.{composite.type_name}."
    lines = [f"class {composite.name}({base}):", docstring(text), ""]
    for field in fields:
        lines.append(f"    {field.name}: {spelling.annotation(field)}")
        lines.extend(_meaning(field))
    return "\n".join(lines)


def _record(spelling: Spelling, record: Record) -> str:
    if not record.variants:
        purpose = docstring(*_purpose(record))
        return _class(spelling, record.name, purpose, record.fields)
    classes = [
        _class(spelling, variant.name, _case(record, variant), variant.fields)
        for variant in record.variants
    ]
    alias = spelling.name("typing", "TypeAlias")
    union = " | ".join(record.classes)
    return "\n\n\n".join([*classes, f"{record.name}: {alias} = {union}"])


def _class(
    spelling: Spelling, name: str, purpose: str, fields: Sequence[TypedValue]
) -> str:
    decorator = spelling.name("dataclasses", "dataclass")
    return "\n".join(
        [
            f"@{decorator}(frozen=True, slots=True)",
            f"class {name}:",
            purpose,
            "",
            *_fields(spelling, fields),
        ]
    )


def _case(record: Record, variant: Variant) -> str:
    """Write the docstring of a class for some rows."""
    (first, *rest) = _purpose(record)
    which = f"where {record.told_by} is {' or '.join(variant.values)}"
    return docstring(first, *rest, f"It is this class {which}.")


def _purpose(record: Record) -> Iterator[str]:
    names = [f"{query.path.stem}.{query.name}" for query in record.queries]
    if len(names) == 1:
        yield f"A row of {names[0]}."
    else:
        yield "A row of each of these queries."
        yield f"{', '.join(names[:-1])} and {names[-1]}."


def _fields(spelling: Spelling, fields: Sequence[TypedValue]) -> Iterator[str]:
    for field in fields:
        line = f"    {field.name}: {spelling.annotation(field)}"
        if _SECRET.search(field.name) or _is_octets(field.type.check):
            line += f" = {spelling.name('dataclasses', 'field')}(repr=False)"
        yield line
        yield from _meaning(field)


def _is_octets(check: Check) -> bool:
    """Return whether a value is bytes, by whatever type, or has bytes inside."""
    inner = (part for part in check.made_of or () if isinstance(part, Check))
    return check.name == "octets" or any(map(_is_octets, inner))


def _meaning(field: TypedValue) -> Iterator[str]:
    """Write a field's docstring, which editors and reference generators read."""
    if field.comment:
        yield docstring(" ".join(field.comment.split()))
