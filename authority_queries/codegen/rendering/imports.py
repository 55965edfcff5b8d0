"""The imports of a generated module, and what imported names are called in it."""

import re
import sys
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import TypeAlias

from authority_queries.codegen.describing.python_type import BUILTINS

_STANDARD, _OTHERS, _OWN = range(3)
_Order: TypeAlias = tuple[int, list[tuple[str, int]], str]


class Imports:
    """Collects the imports of a module in `package`.

    A name that is `taken` in the module gets an underscore at its end: a column named
    date must not hide the type of the next one.
    """

    def __init__(self, package: str, taken: Collection[str]) -> None:
        self._own = package.partition(".")[0]
        self._taken = frozenset(taken)
        self._names: dict[tuple[str, str], str] = {}

    def local(self, module: str, name: str) -> str:
        """Import a name, and say what it is called here."""
        local = name
        while local in self._taken:
            local += "_"
        if module != BUILTINS or local != name:
            self._names[module, name] = local
        return local

    def render(self) -> str:
        """Write the statements, sorted as ruff and isort sort them."""
        sections = groupby(sorted(self._statements()), key=lambda found: found[0])
        return "\n\n".join(
            "\n".join(statement for *_, statement in section) for _, section in sections
        )

    def _statements(self) -> Iterator[tuple[int, str, _Order, str]]:
        plain: dict[str, list[str]] = {}
        for (module, name), local in self._names.items():
            if name == local:
                plain.setdefault(module, []).append(name)
            else:
                text = f"from {module} import {name} as {local}"
                yield self._section(module), module, _order(name), text
        for module, names in plain.items():
            members = sorted(names, key=_order)
            text = f"from {module} import {', '.join(members)}"
            yield self._section(module), module, _order(members[0]), text

    def _section(self, module: str) -> int:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names:
            return _STANDARD
        return _OWN if top == self._own else _OTHERS


def _order(name: str) -> _Order:
    """Constants come first, then classes, then functions; 9 before 10."""
    kind = 1 if name[:1].isupper() else 2
    if name.isupper() and len(name) > 1:
        kind = 0
    return kind, _natural(name), name


def _natural(name: str) -> list[tuple[str, int]]:
    return [
        (text.lower(), int(number or 0))
        for text, number in re.findall(r"(\D*)(\d*)", name)
    ]
