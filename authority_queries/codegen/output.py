"""Generated files on the disk: comparison and replacement."""

import ast
import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from authority_queries.codegen.rendering.module_text import HEAD, TEXTS
from authority_queries.errors import ConfigurationError

_QUERY: Final = re.compile(r"\b\w+\.\w+\b")
_LINE: Final = re.compile(r"(?<=\.sql):\d+")
_ENDINGS: Final = re.compile(r"(_stream)?(_async)?(_takes)?$")


def stale(files: Mapping[Path, str]) -> str:
    """Return the unified diff from the files on the disk, empty if they are current.

    It includes generated modules in the same folders that are to be removed.
    """
    wanted: dict[Path, str] = {**files, **dict.fromkeys(_orphans(files), "")}
    return "".join(_difference(path, wanted[path]) for path in sorted(wanted))


def write(files: Mapping[Path, str]) -> None:
    """Write stale files, and remove generated modules without an SQL file.

    Each file is replaced as a whole. Raises ConfigurationError, and writes nothing, if
    a file to overwrite was not generated.
    """
    for path in files:
        if (text := _text(path)) and not text.startswith(HEAD):
            message = f"{path} was not generated: move it away, or set another output"
            raise ConfigurationError(message)
    for path, text in files.items():
        if _text(path) != text:
            _replace(path, text)
    for path in _orphans(files):
        path.unlink()


def _orphans(files: Mapping[Path, str]) -> list[Path]:
    """Return the generated modules in the same folders that are not in `files`."""
    folders = {path.parent for path in files}
    return sorted(
        path
        for folder in folders
        for path in folder.glob("*.py")
        if path not in files and (_text(path) or "").startswith(HEAD)
    )


def _difference(path: Path, text: str) -> str:
    shown = os.path.relpath(path)
    lines = difflib.unified_diff(
        (_text(path) or "").splitlines(keepends=True),
        text.splitlines(keepends=True),
        fromfile=f"{shown} (as it is)",
        tofile=f"{shown} (generated)",
    )
    return "".join(lines)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(
        "w",
        encoding="utf-8",
        newline="\n",
        dir=path.parent,
        prefix=f".{path.name}.",
        delete=False,
    ) as copy:
        copy.write(text)
    # Only the owner can read a temporary file.
    mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
    os.chmod(copy.name, mode)
    os.replace(copy.name, path)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def concerned_queries(files: Mapping[Path, str]) -> list[str]:
    """Return the queries whose functions or records differ on the disk."""
    found: set[str] = set()
    aliases: set[str] = set()
    for path, text in files.items():
        before = _definitions(path.read_text(encoding="utf-8") if path.exists() else "")
        after = _definitions(text)
        found.update(f"{path.stem}.{query}" for query in _changed(before, after))
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                definition = after.get(name) or before[name]
                found.update(_queries(path.stem, name, definition))
                if " TypeAlias = " in definition:
                    aliases.add(name)
    return sorted(found | _using(aliases, files))


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Name the queries of a module whose texts have changed."""
    one, other = (
        set(ast.literal_eval(each[TEXTS].partition(" = ")[2]).items())
        if TEXTS in each
        else set()
        for each in (before, after)
    )
    return {query for query, _ in one ^ other}


def _using(aliases: set[str], files: Mapping[Path, str]) -> set[str]:
    """Return the queries whose parameters or columns use a changed type."""
    return {
        query
        for path, text in files.items()
        for name, definition in _definitions(text).items()
        if aliases.intersection(re.findall(r"\w+", definition)) - {name}
        for query in _queries(path.stem, name, definition)
    }


def _definitions(source: str) -> dict[str, str]:
    """Return the definitions of a module by name, without line numbers of SQL files."""
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
    if definition.startswith(("@", "class")):  # its docstring names its queries
        (record,) = ast.parse(definition).body
        if isinstance(record, ast.ClassDef):
            yield from _QUERY.findall(ast.get_docstring(record) or "")
    elif not name.lstrip("_").isupper() and " TypeAlias = " not in definition:
        yield f"{module}.{_ENDINGS.sub('', name).removeprefix('_')}"
