"""Generated files on the disk: what is stale, and how they are replaced."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from authority_queries.codegen.rendering.package import HEAD
from authority_queries.errors import ConfigurationError


def stale(files: Mapping[Path, str]) -> str:
    """Give a unified diff from what is on the disk to what should be, or nothing.

    Generated modules in the same folders that should be no more are part of it.
    """
    wanted: dict[Path, str] = {**files, **dict.fromkeys(_orphans(files), "")}
    return "".join(_difference(path, wanted[path]) for path in sorted(wanted))


def write(files: Mapping[Path, str]) -> None:
    """Write what is stale, and remove generated modules whose SQL file is gone.

    Each file is replaced as a whole. Raises ConfigurationError before anything is
    written when that would overwrite a file that was not generated.
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
    """Find the generated modules beside these that are none of these."""
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
    # What a temporary file may be read by is nobody else.
    mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
    os.chmod(copy.name, mode)
    os.replace(copy.name, path)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
