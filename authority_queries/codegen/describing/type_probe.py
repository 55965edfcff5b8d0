"""`python -m …type_probe FOLDER module:Type …`: what declared types are, as JSON.

A process of its own imports the user's modules. The packages above them are not
executed: they may import generated modules, which are stale or not there yet.
"""

import importlib
import json
import sys
from contextlib import redirect_stdout
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from authority_queries.engine.declared_types import (
    DICTS,
    LISTS,
    LOADED,
    UNIONS,
    aliased,
    reader_of,
)
from authority_queries.engine.json_types import JsonValue

_JSON = frozenset({"dict", "list", "str", "int", "float", "bool", "NoneType"})


def main(folder: str, *names: str) -> int:
    """Print what is known of each type."""
    sys.path.insert(0, folder)
    with redirect_stdout(sys.stderr):
        found = {name: _look_up(Path(folder), *name.split(":")) for name in names}
    json.dump(found, sys.stdout)
    return 0


def _look_up(folder: Path, module: str, name: str) -> dict[str, object]:
    try:
        _stand_in_for_packages(folder, module)
        hint = getattr(importlib.import_module(module), name)
    except Exception as error:
        return {"fault": f"cannot be imported: {type(error).__name__}: {error}"}
    try:
        reader_of(hint)
    except Exception:
        return {"fault": "is no type that a loaded value can become"}
    stands_for = aliased(hint)
    is_enum = isinstance(stands_for, type) and issubclass(stands_for, Enum)
    return {
        "classes": sorted(_classes(stands_for)),
        "values": _values(stands_for),
        "is_same": stands_for in LOADED,
        "is_sent_otherwise": is_enum or hasattr(stands_for, "model_validate"),
    }


def _stand_in_for_packages(folder: Path, module: str) -> None:
    *packages, _ = module.split(".")
    for count in range(1, len(packages) + 1):
        path = folder.joinpath(*packages[:count])
        name = ".".join(packages[:count])
        if path.is_dir() and name not in sys.modules:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = [str(path)]


def _classes(hint: Any) -> set[str]:  # noqa: ANN401 -- a type is any object
    """Name the classes of the loaded values that can become one of the type."""
    hint = aliased(hint)
    if get_origin(hint) in UNIONS:
        return {name for argument in get_args(hint) for name in _classes(argument)}
    if get_origin(hint) is Literal:
        return {type(value).__name__ for value in get_args(hint)}
    if hint in {JsonValue, object, Any}:
        return {*_JSON}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {type(member.value).__name__ for member in hint}
    return {_class(hint)}


def _class(hint: Any) -> str:  # noqa: ANN401 -- a type is any object
    if get_origin(hint) in LISTS:
        return "list"
    if get_origin(hint) in DICTS or hasattr(hint, "model_validate"):
        return "dict"
    bases = (type(None),) if hint is None else hint.__mro__
    return next(b.__name__ for b in bases if b in {*LOADED, list, dict, type(None)})


def _values(hint: Any) -> list[str] | None:  # noqa: ANN401 -- a type is any object
    """Return the values of a Literal or an Enum as texts; None for other types."""
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [str(member.value) for member in hint]
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
