"""Python types as parts. A module that writes a type imports the names in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from authority_queries.codegen.facts import Origin
from authority_queries.codegen.python_names import cap_words
from authority_queries.codegen.query import PythonName


@dataclass(frozen=True, slots=True, kw_only=True)
class Literals:
    """All texts that a value can be.

    `origin` is the column that they are the values of. `name` is None for texts
    without a name. `schema` distinguishes sets with the same name.
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
    """The check of an argument: a function of the run time's `checks`.

    With `made_of` it is the function that returns the check.
    """

    name: str = "anything"
    made_of: "tuple[str | int | Part | Check, ...] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A type that psycopg must register before it can load or dump a value.

    `base` is psycopg's name of the type that a domain is read as.
    """

    schema: str
    type_name: str
    composite: Composite | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonType:
    """An annotation as parts, and the check of a parameter of the type.

    `is_read_as` is True when a loaded value is converted to the type, or checked.
    """

    parts: tuple[Part, ...]
    check: Check = Check()
    registered: frozenset[Registered] = frozenset()
    is_read_as: bool = False

    @property
    def includes_none(self) -> bool:
        """Whether None is one of its values, as for JSON's null."""
        return self.parts == JSON_VALUE

    def spell(self, names: Callable[[Part], str]) -> str:
        """Write the annotation. `names` returns the text of a part that is not text."""
        return "".join(
            part if isinstance(part, str) else names(part) for part in self.parts
        )


class UnknownTypeError(LookupError):
    """A PostgreSQL type without a Python type. The message is its name."""


BUILTINS: Final = "builtins"
RUNTIME: Final = "authority_queries.engine.runtime"


def one_of(module: str, *names: str) -> tuple[Part, ...]:
    """Spell `A | B`."""
    parts: list[Part] = []
    for name in names:
        parts += [" | ", PythonName(module=module, name=name)]
    return tuple(parts[1:])


# The alias is a string, which has no operator |: it cannot be part of a union.
JSON_VALUE: Final = one_of(RUNTIME, "JsonValue")
