"""How a parameter is written: its annotation, and what is handed to psycopg."""

from dataclasses import replace

from authority_queries.codegen.describing.python_type import RUNTIME, Literals, Part
from authority_queries.codegen.describing.typed import TypedValue
from authority_queries.codegen.model import PythonName
from authority_queries.codegen.rendering.imports import Imports


class Spelling:
    """Writes types and conversions in one module, whose imports it collects.

    What `records` is imported from; None inside of records.py itself.
    """

    def __init__(self, imports: Imports, records: str | None) -> None:
        self._imports = imports
        self._records = records

    def name(self, module: str, name: str) -> str:
        """Import a name."""
        return self._imports.local(module, name)

    def record(self, name: str) -> str:
        """Import a record, or what else records.py has."""
        return self.name(self._records, name) if self._records else name

    def annotation(self, value: TypedValue) -> str:
        """Write the type of a value, with None if it may be that."""
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

    def argument(self, value: TypedValue, given: str) -> str:
        """Write what is handed to the run time for the expression `given`."""
        if value.type.conversion is None:
            return given
        if not value.type.converts_elements:
            return self._converted(value, given)
        whole = self.name(RUNTIME, "array")
        element = replace(value, nullable=" | None" in value.type.parts)
        each = self._converted(element, "each")
        elements = f"[{each} for each in {whole}({_quoted(value.name)}, {given})]"
        return (
            f"None if {given} is None else {elements}" if value.nullable else elements
        )

    def _converted(self, value: TypedValue, given: str) -> str:
        conversion = value.type.conversion or ""
        if conversion == "float":
            number = f"{self.name('builtins', 'float')}({given})"
            return (
                f"None if {given} is None else {number}" if value.nullable else number
            )
        function = self.name(RUNTIME, conversion)
        if not conversion.startswith("json_"):
            return f"{function}({_quoted(value.name)}, {given})"
        if value.type.is_declared:
            none = " | None" if value.nullable else ""
            json = f"{self.name(RUNTIME, 'JsonObject')}{none}"
            given = f"{self.name('typing', 'cast')}({_quoted(json)}, {given})"
        return f"{function}({given})"


def _quoted(text: str) -> str:
    """Write a text as Python, with double quotes as the formatter would have it."""
    if "'" in text or '"' in text or not text.isprintable():
        return repr(text)
    return '"' + text.replace("\\", "\\\\") + '"'
