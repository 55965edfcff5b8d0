"""Python types in parts, so that names are spelled only where they are written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from authority_queries.codegen.facts import Origin
from authority_queries.codegen.python_names import cap_words
from authority_queries.codegen.query import PythonName


@dataclass(frozen=True, slots=True, kw_only=True)
class Literals:
    """Texts that are all that a value can be.

    Of a column's values `origin` says which. `name` is None while nothing names them;
    `schema` tells apart those that have the same name.
    """

    values: tuple[str, ...]
    name: str | None = None
    schema: str = ""
    origin: Origin | None = None

    @property
    def schema_of_values(self) -> str:
        """The schema of the column or of the enum."""
        return self.origin.schema if self.origin else self.schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """A composite type, which becomes a named tuple in records.py."""

    oid: int
    schema: str
    type_name: str

    @property
    def name(self) -> str:
        """The name of its class."""
        return cap_words(self.type_name)


Part = str | PythonName | Literals | Composite


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is asked of an argument: a function of the run time's `checks`.

    With `made_of` it is the function that makes the check.
    """

    name: str = "anything"
    made_of: "tuple[str | int | Part | Check, ...] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A type that psycopg has to be told of before it can load or dump a value.

    `base` is what psycopg calls the type that a domain is read as.
    """

    schema: str
    type_name: str
    composite: Composite | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonType:
    """An annotation in parts, and what is asked of a parameter of the type.

    `is_read_as` is True when a loaded value is converted, or checked, to be of it.
    """

    parts: tuple[Part, ...]
    check: Check = Check()
    registered: frozenset[Registered] = frozenset()
    is_read_as: bool = False

    @property
    def includes_none(self) -> bool:
        """Whether None is one of its values already, as JSON's null is."""
        return self.parts == JSON_VALUE

    def spell(self, names: Callable[[Part], str]) -> str:
        """Write the annotation, with `names` for what is not text already."""
        return "".join(
            part if isinstance(part, str) else names(part) for part in self.parts
        )


class UnknownTypeError(LookupError):
    """A type that has no Python type. The message names it."""


BUILTINS: Final = "builtins"
RUNTIME: Final = "authority_queries.engine.runtime"


def one_of(module: str, *names: str) -> tuple[Part, ...]:
    """Spell `A | B`."""
    parts: list[Part] = []
    for name in names:
        parts += [" | ", PythonName(module=module, name=name)]
    return tuple(parts[1:])


# An alias that can stand for itself only: written as a text, it has no operator |.
JSON_VALUE: Final = one_of(RUNTIME, "JsonValue")
