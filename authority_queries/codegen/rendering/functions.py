"""The functions of a query: blocking, asynchronous, and streaming if possible."""

from collections.abc import Iterator

from authority_queries.codegen.describing.type_parts import RUNTIME
from authority_queries.codegen.describing.typed_query import Form, TypedQuery
from authority_queries.codegen.rendering.calls import WAYS, Way, result_of
from authority_queries.codegen.rendering.module_text import (
    arguments,
    docstring,
    paragraphs_of,
)
from authority_queries.codegen.rendering.shapes import Record
from authority_queries.codegen.rendering.spelling import Spelling

PAGE = 1000
_STREAMED = (
    "A server-side cursor, read `size` rows at a time in the transaction that is\n"
    "there, or in one of its own."
)


class Functions:
    """Writes the functions of one query."""

    def __init__(
        self, spelling: Spelling, typed: TypedQuery, record: Record | None
    ) -> None:
        self._spelling = spelling
        self._typed = typed
        self._record = spelling.record(record.name) if record else ""
        self._result = result_of(spelling, typed, self._record)

    def definitions(self) -> Iterator[str]:
        """Write the functions."""
        for way in WAYS:
            yield self._function(way)
        if self._typed.can_stream:
            for way in WAYS:
                yield self._stream(way)

    def _function(self, way: Way) -> str:
        name = self._typed.query.name + way.suffix
        given = self._given()
        call = f"{way.wait}_{name}({', '.join(['connection', *given])})"
        result = self._result
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
        meanings = {}
        if self._typed.form not in {Form.BATCH, Form.COPY}:
            meanings = {each.name: each.comment for each in self._typed.parameters}
        place = f"{query.path.parent.name}/{query.path.name}:{query.line}"
        return docstring(*paragraphs_of(query.doc), *more, arguments(meanings), place)
