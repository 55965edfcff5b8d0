"""Which queries a stale module gives other types."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_QUERY: Final = re.compile(r"\b\w+\.\w+\b")
_LINE: Final = re.compile(r"(?<=\.sql):\d+")
_ENDINGS: Final = re.compile(r"(_stream)?(_async)?$")


def concerned_queries(files: Mapping[Path, str]) -> list[str]:
    """Name the queries whose functions or records are not as they should be."""
    found: set[str] = set()
    for path, text in files.items():
        before = _definitions(path.read_text(encoding="utf-8") if path.exists() else "")
        after = _definitions(text)
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                definition = after.get(name) or before[name]
                found.update(_queries(path.stem, name, definition))
    return sorted(found)


def _definitions(source: str) -> dict[str, str]:
    """Give a module's functions and classes by name, whatever line they come from."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        node.name: _LINE.sub("", ast.unparse(node))
        for node in ast.parse(source).body
        if isinstance(node, kinds)
    }


def _queries(module: str, name: str, definition: str) -> Iterator[str]:
    if definition.startswith(("@", "class")):  # a record says which queries give it
        (record,) = ast.parse(definition).body
        if isinstance(record, ast.ClassDef):
            yield from _QUERY.findall(ast.get_docstring(record) or "")
    else:
        yield f"{module}.{_ENDINGS.sub('', name)}"
