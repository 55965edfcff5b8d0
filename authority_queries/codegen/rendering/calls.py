"""The lines of a module that load a query from its file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from authority_queries.codegen.describing.type_parts import RUNTIME
from authority_queries.codegen.describing.typed_query import Form, TypedQuery
from authority_queries.codegen.rendering.shapes import Record, Variant
from authority_queries.codegen.rendering.spelling import Spelling


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The differences between blocking and asynchronous code."""

    suffix: str
    file: str
    connection: str
    call: str
    stream: str
    define: str
    wait: str


WAYS = (
    Way(
        suffix="",
        file="_QUERIES",
        connection="Connection",
        call="Call",
        stream="Stream",
        define="def",
        wait="",
    ),
    Way(
        suffix="_async",
        file="_ASYNC_QUERIES",
        connection="AsyncConnection",
        call="AsyncCall",
        stream="AsyncStream",
        define="async def",
        wait="await ",
    ),
)


class Calls:
    """Writes the lines that load one query from its file."""

    def __init__(
        self, spelling: Spelling, typed: TypedQuery, record: Record | None
    ) -> None:
        self._spelling = spelling
        self._typed = typed
        self._record = spelling.record(record.name) if record else ""
        self._result = result_of(spelling, typed, self._record)
        self._maker = self._record
        self._variants = record.variants if record else ()
        self._told_by = record.told_by if record else ""
        if self._variants:
            self._maker = f"_{typed.query.name}_row"

    def lines(self) -> Iterator[str]:
        """Write the lines."""
        name = self._typed.query.name
        if self._variants:
            yield self._making()
        if self._typed.parameters:
            yield from self._takes()
        for way in WAYS:
            call = self._spelling.name(RUNTIME, way.call)
            line = f"{way.file}.{self._taken()}"
            yield f"_{name}{way.suffix}: {call}[{self._result}] = {line}"
        if self._typed.can_stream:
            for way in WAYS:
                yield (
                    f"_{name}_stream{way.suffix} = "
                    f'{way.file}.stream("{name}", {self._maker}{self._taking()})'
                )

        if promised := [*self._promised(), *self._read_as()]:
            for way in WAYS:
                yield f'{way.file}.promise("{name}", {", ".join(promised)})'

    def _takes(self) -> Iterator[str]:
        query = self._typed.query
        parameters = self._spelling.name(RUNTIME, "Parameters")
        yield f"_{query.name}_takes = {parameters}("
        yield f'    "{query.path.stem}.{query.name}",'
        for value in self._typed.parameters:
            yield f"    {self._spelling.parameter(value)},"
        yield ")"

    def _taking(self) -> str:
        takes = f"_{self._typed.query.name}_takes"
        return f", takes={takes}" if self._typed.parameters else ""

    def _making(self) -> str:
        """Write the function that makes a row's record by its case."""
        query, columns = self._typed.query, self._typed.columns
        by_case = self._spelling.name(RUNTIME, "by_case")
        kind = self._spelling.name("collections.abc", "Callable")
        (place,) = (
            place
            for place, column in enumerate(columns)
            if column.name == self._told_by
        )
        cases = ", ".join(self._case(variant) for variant in self._variants)
        label = f"{query.path.stem}.{query.name}"
        return (
            f"{self._maker}: {kind}[..., {self._record}] = "
            f'{by_case}("{label}", {place}, {cases})'
        )

    def _case(self, variant: Variant) -> str:
        """Write the values of a case, its class, and the columns that are never null.

        JSON is left out: psycopg returns None for JSON's null too.
        """
        notnull = ", ".join(
            f'"{column.name}": {place}'
            for place, (column, field) in enumerate(
                zip(self._typed.columns, variant.fields, strict=True)
            )
            if column.nullable and not field.nullable and not field.type.includes_none
        )
        values = "".join(f'"{value}", ' for value in variant.values)
        name = self._spelling.record(variant.name)
        return f"(({values}), {name}, {{{notnull}}})"

    def _read_as(self) -> list[str]:
        """Write the columns that `@type` converts or checks, with their types."""
        return [
            f"{column.name}={self._spelling.annotation(column)}"
            for column in self._typed.columns
            if column.type.is_read_as
        ]

    def _promised(self) -> list[str]:
        """Return the columns with `@notnull`.

        JSON is left out: psycopg returns None for JSON's null too.
        """
        return [
            f'"{column.name}"'
            for column in self._typed.columns
            if column.name in self._typed.query.tags.notnull
            and not column.type.includes_none
        ]

    def _taken(self) -> str:
        typed = self._typed
        name = f'"{typed.query.name}"'
        taking = self._taking()
        match typed.form:
            case Form.ONE:
                method = "sure_row" if typed.always_a_row else "row"
                return f"{method}({name}, {self._maker}{taking})"
            case Form.MANY:
                return f"rows({name}, {self._maker}{taking})"
            case Form.VALUE:
                is_sure = typed.always_a_row and not typed.columns[0].nullable
                return f"{'sure_value' if is_sure else 'value'}({name}{taking})"
            case form:
                return f"{form.name.lower()}({name}{taking})"


def result_of(spelling: Spelling, typed: TypedQuery, record: str) -> str:
    """Write the return type of a query's functions."""
    match typed.form:
        case Form.ONE:
            return record if typed.always_a_row else f"{record} | None"
        case Form.MANY:
            return f"{spelling.name('builtins', 'list')}[{record}]"
        case Form.VALUE:
            (value,) = typed.columns
            return spelling.annotation(
                replace(value, nullable=value.nullable or not typed.always_a_row)
            )
        case Form.SCRIPT:
            return "None"
        case Form.COUNT | Form.BATCH | Form.COPY:
            return spelling.name("builtins", "int")
