"""The functions of a query: blocking, asynchronous, and streaming if it can."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from authority_queries.codegen.describing.python_type import RUNTIME
from authority_queries.codegen.describing.typed import Form, TypedQuery
from authority_queries.codegen.rendering.arguments import Spelling
from authority_queries.codegen.rendering.docstrings import docstring, paragraphs_of
from authority_queries.codegen.rendering.shapes import Record, Variant

PAGE = 1000
_STREAMED = (
    "A server-side cursor, read `size` rows at a time in the transaction that is\n"
    "there, or in one of its own."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to run queries: what differs between blocking and asynchronous."""

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


class Functions:
    """Writes what one query becomes in a module."""

    def __init__(
        self, spelling: Spelling, typed: TypedQuery, record: Record | None
    ) -> None:
        self._spelling = spelling
        self._typed = typed
        self._record = spelling.record(record.name) if record else ""
        self._maker = self._record
        self._variants = record.variants if record else ()
        self._told_by = record.told_by if record else ""
        if self._variants:
            self._maker = f"_{typed.query.name}_row"

    def calls(self) -> Iterator[str]:
        """Write the lines that take the query from its file."""
        name = self._typed.query.name
        if self._variants:
            yield self._making()
        if self._typed.parameters:
            yield from self._takes()
        for way in WAYS:
            call = self._spelling.name(RUNTIME, way.call)
            yield (
                f"_{name}{way.suffix}: {call}[{self._result()}] = "
                f"{way.file}.{self._taken()}"
            )
        if self._typed.can_stream:
            for way in WAYS:
                yield (
                    f"_{name}_stream{way.suffix} = "
                    f'{way.file}.stream("{name}", {self._maker}{self._taking()})'
                )

        if columns := self._promised():
            for way in WAYS:
                yield f'{way.file}.promise("{name}", {", ".join(columns)})'

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
        """Write what makes a row's record by its case."""
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
        """Write the values of a case, its class, and what is never null in its rows.

        Not JSON: psycopg makes None of JSON's null as well.
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

    def _promised(self) -> list[str]:
        """Give the columns that `@notnull` is about.

        Not JSON ones: psycopg makes None of JSON's null as well.
        """
        return [
            f'"{column.name}"'
            for column in self._typed.columns
            if column.name in self._typed.query.tags.notnull
            and not column.type.includes_none
        ]

    def definitions(self) -> Iterator[str]:
        """Write the functions."""
        for way in WAYS:
            yield self._function(way)
        if self._typed.can_stream:
            for way in WAYS:
                yield self._stream(way)

    def _result(self) -> str:
        typed = self._typed
        match typed.form:
            case Form.ONE:
                return self._record if typed.always_a_row else f"{self._record} | None"
            case Form.MANY:
                return f"{self._spelling.name('builtins', 'list')}[{self._record}]"
            case Form.VALUE:
                (value,) = typed.columns
                return self._spelling.annotation(
                    replace(value, nullable=value.nullable or not typed.always_a_row)
                )
            case Form.SCRIPT:
                return "None"
            case Form.COUNT | Form.BATCH | Form.COPY:
                return self._spelling.name("builtins", "int")

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

    def _function(self, way: Way) -> str:
        name = self._typed.query.name + way.suffix
        given = self._given()
        call = f"{way.wait}_{name}({', '.join(['connection', *given])})"
        result = self._result()
        return "\n".join(
            [
                f"{way.define} {name}({self._signature(way)}) -> {result}:",
                self._docstring(),
                f"    {call}" if result == "None" else f"    return {call}",
            ]
        )

    def _stream(self, way: Way) -> str:
        name = f"{self._typed.query.name}_stream{way.suffix}"
        stream = self._spelling.name(RUNTIME, way.stream)
        call = f"_{name}({', '.join(['connection', 'size', *self._given()])})"
        return "\n".join(
            [
                f"def {name}({self._signature(way, f'size: int = {PAGE}')})"
                f" -> {stream}[{self._record}]:",
                self._docstring(_STREAMED),
                f"    return {call}",
            ]
        )

    def _signature(self, way: Way, *others: str) -> str:
        connection = self._spelling.name("psycopg", way.connection)
        first = f"connection: {connection}[{self._spelling.name('builtins', 'object')}]"
        if self._typed.form in {Form.BATCH, Form.COPY}:
            rows = self._spelling.name("collections.abc", "Iterable")
            return f"{first}, rows: {rows}[{self._record}]"
        named = [
            f"{value.name}: {self._spelling.annotation(value)}"
            for value in self._typed.parameters
        ]
        keywords = [*others, *named]
        return ", ".join([first, *(["*", *keywords] if keywords else [])])

    def _given(self) -> list[str]:
        match self._typed.form:
            case Form.BATCH:
                items = [f'"{v.name}": row.{v.name}' for v in self._typed.parameters]
                return [f"({{{', '.join(items)}}} for row in rows)"]
            case Form.COPY:
                items = [f"row.{value.name}" for value in self._typed.parameters]
                return [f"(({', '.join(items)},) for row in rows)"]
            case _:
                return [
                    f"{value.name}={value.name}" for value in self._typed.parameters
                ]

    def _docstring(self, *more: str) -> str:
        query = self._typed.query
        texts = [
            f"`{name}`: {tag.text}"
            for name, tag in query.tags.params.items()
            if tag.text
        ]
        place = f"{query.path.parent.name}/{query.path.name}:{query.line}"
        return docstring(*paragraphs_of(query.doc), "\n".join(texts), *more, place)
