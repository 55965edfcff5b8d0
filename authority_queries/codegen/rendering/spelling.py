"""Annotations and checks of parameters, as Python source."""

from collections.abc import Iterator, Sequence

from authority_queries.codegen.describing.type_parts import (
    RUNTIME,
    Check,
    Composite,
    Literals,
    Part,
)
from authority_queries.codegen.describing.typed_query import TypedValue
from authority_queries.codegen.query import PythonName
from authority_queries.codegen.rendering.module_text import Imports


class Spelling:
    """Writes types and checks in one module, and collects its imports.

    `records` is the module that records are imported from; None in records.py itself.
    """

    def __init__(self, imports: Imports, records: str | None) -> None:
        self._imports = imports
        self._records = records

    def name(self, module: str, name: str) -> str:
        """Import a name."""
        return self._imports.local(module, name)

    def record(self, name: str) -> str:
        """Import a name from records.py."""
        return self.name(self._records, name) if self._records else name

    def annotation(self, value: TypedValue) -> str:
        """Write the type of a value, with None if it is nullable."""
        text = value.type.spell(self._part)
        can_be_none = value.nullable and not value.type.includes_none
        return f"{text} | None" if can_be_none else text

    def _part(self, part: Part) -> str:
        match part:
            case str():
                return part
            case PythonName(module=module, name=name):
                return self.name(module, name)
            case Literals(name=None, values=values):
                return self.literal(values)
            case _:
                return self.record(part.name or "")

    def literal(self, values: tuple[str, ...]) -> str:
        """Write the type of these texts."""
        texts = ", ".join(_quoted(text) for text in values)
        return f"{self.name('typing', 'Literal')}[{texts}]"

    def parameter(self, value: TypedValue) -> str:
        """Write the check of a parameter."""
        check = self._check(value.type.check)
        if value.nullable:
            check = f"{self.name(RUNTIME, 'checks')}.optional({check})"
        return f"{value.name}={check}"

    def composite_check(self, composite: Composite) -> str:
        """Return the name that the module has for the check of a composite type."""
        return self._imports.free(f"_{composite.name}_takes")

    def composite(
        self, composite: Composite, fields: Sequence[TypedValue]
    ) -> Iterator[str]:
        """Write the check of a composite type."""
        checks = self.name(RUNTIME, "checks")
        yield f"{self.composite_check(composite)} = {checks}.composite("
        yield f"    {self.record(composite.name)},"
        for field in fields:
            yield f"    {field.name}={self._check(field.type.check)},"
        yield ")"

    def _check(self, check: Check) -> str:
        match check.made_of:
            case (Composite() as composite,):
                return self.composite_check(composite)
        function = f"{self.name(RUNTIME, 'checks')}.{check.name}"
        if check.made_of is None:
            return function
        return f"{function}({', '.join(map(self._given, check.made_of))})"

    def _given(self, given: str | int | Part | Check) -> str:
        match given:
            case Check():
                return self._check(given)
            case str():
                return _quoted(given)
            case int():
                return str(given)
            case _:
                return self._part(given)


def _quoted(text: str) -> str:
    """Write a text as Python, with double quotes as the formatter does."""
    if "'" in text or '"' in text or not text.isprintable():
        return repr(text)
    return '"' + text.replace("\\", "\\\\") + '"'
