"""Types that `@type` declares: whether a value of PostgreSQL's can become one."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from authority_queries.codegen.describing.type_parts import (
    JSON_VALUE,
    RUNTIME,
    Check,
    Literals,
    Part,
    PythonType,
)
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.query import PythonName

_PROBE: Final = "authority_queries.codegen.describing.type_probe"
_JSON: Final = frozenset({"dict", "list", "str", "int", "float", "bool", "NoneType"})
_DOCUMENTS: Final = {
    "JsonObject": frozenset({"dict"}),
    "JsonArray": frozenset({"list"}),
}
_ADVICE: Final = (
    "a NewType, a Literal, an Enum, a subclass of str, int, float, bytes or Decimal; "
    "for json and jsonb a TypedDict, a list or dict of these, or a pydantic model"
)


class UnfitTypeError(TypeError):
    """A declared type that no value of PostgreSQL's type can become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A declared type of a module.

    `classes` are those of the loaded values that can become one, `values` the texts
    that it consists of. `is_same` is True when nothing is converted or checked,
    `is_sent_otherwise` when what is sent is not the value itself.
    """

    name: PythonName
    classes: Sequence[str] = ()
    values: Sequence[str] | None = None
    is_same: bool = False
    is_sent_otherwise: bool = False
    fault: str | None = None

    def of(self, found: PythonType) -> PythonType:
        """Return this type in the place of the one that a value has.

        Raises UnfitTypeError.
        """
        if self.fault:
            raise UnfitTypeError(f"{self.fault}; declare {_ADVICE}")
        expected = _classes(found.parts)
        if not expected.issuperset(self.classes) or not self.classes:
            has = " or ".join(self.classes) or "nothing"
            wanted = " or ".join(sorted(expected)) or "no single class"
            message = f"is made of {has}, and the value is {wanted}; declare {_ADVICE}"
            raise UnfitTypeError(message)
        self._check_values(found.parts)
        check = found.check
        if self.is_sent_otherwise:
            check = Check(name="declared", made_of=(self.name, check))
        is_same = self.is_same and len(expected) == 1
        return replace(found, parts=(self.name,), check=check, is_read_as=not is_same)

    def _check_values(self, parts: tuple[Part, ...]) -> None:
        match parts:
            case (Literals(values=values),) if self.values is not None:
                if missing := sorted({*values} - {*self.values}):
                    message = f"does not have the value {missing[0]!r}; add it"
                    raise UnfitTypeError(message)


def _classes(parts: tuple[Part, ...]) -> frozenset[str]:
    """Name the classes that psycopg loads a value as."""
    if parts == JSON_VALUE:
        return _JSON
    match parts:
        case (PythonName(module=module, name=name),) if module == RUNTIME:
            return _DOCUMENTS[name]
        case (PythonName(name=name),):
            return frozenset({name})
        case (Literals(),):
            return frozenset({"str"})
    return frozenset()


def look_up(names: Iterable[PythonName], folder: Path) -> Mapping[PythonName, Declared]:
    """Look types up in their modules, which `folder` has or are installed.

    Another process imports the modules. Raises GenerationError when it fails.
    """
    wanted = {f"{each.module}:{each.name}": each for each in names}
    if not wanted:
        return {}
    command = [sys.executable, "-m", _PROBE, str(folder), *sorted(wanted)]
    probe = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own module
    if probe.returncode:
        message = f"the types of @type cannot be looked up: {probe.stderr.strip()}"
        raise GenerationError(message)
    found = json.loads(probe.stdout)
    return {each: Declared(name=each, **found[name]) for name, each in wanted.items()}
