"""Which queries a stale module gives other types."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_QUERY: Final = re.compile(r"\b\w+\.\w+\b")
_LINE: Final = re.compile(r"(?<=\.sql):\d+")
_ENDINGS: Final = re.compile(r"(_stream)?(_async)?(_takes)?$")


def concerned_queries(files: Mapping[Path, str]) -> list[str]:
    """Name the queries whose functions or records are not as they should be."""
    found: set[str] = set()
    aliases: set[str] = set()
    for path, text in files.items():
        before = _definitions(path.read_text(encoding="utf-8") if path.exists() else "")
        after = _definitions(text)
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                definition = after.get(name) or before[name]
                found.update(_queries(path.stem, name, definition))
                if " TypeAlias = " in definition:
                    aliases.add(name)
    return sorted(found | _using(aliases, files))


def _using(aliases: set[str], files: Mapping[Path, str]) -> set[str]:
    """Name the queries with a type by another name in what they take or give."""
    return {
        query
        for path, text in files.items()
        for name, definition in _definitions(text).items()
        if aliases.intersection(re.findall(r"\w+", definition)) - {name}
        for query in _queries(path.stem, name, definition)
    }


def _definitions(source: str) -> dict[str, str]:
    """Give what a module defines by name, whatever line of SQL it comes from."""
    return {
        name: _LINE.sub("", ast.unparse(node))
        for node in ast.parse(source).body
        for name in _names(node)
    }


def _names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case (
            ast.AnnAssign(target=ast.Name(id=name))
            | ast.Assign(targets=[ast.Name(id=name)])
        ):
            yield name


def _queries(module: str, name: str, definition: str) -> Iterator[str]:
    if definition.startswith(("@", "class")):  # a record says which queries give it
        (record,) = ast.parse(definition).body
        if isinstance(record, ast.ClassDef):
            yield from _QUERY.findall(ast.get_docstring(record) or "")
    elif not name.lstrip("_").isupper() and " TypeAlias = " not in definition:
        yield f"{module}.{_ENDINGS.sub('', name).removeprefix('_')}"
