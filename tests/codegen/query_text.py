"""Query files written for a test."""

import re
from pathlib import Path

import pytest

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.query import Query
from authority_queries.codegen.reading.folder import read_folder


def read(parent: Path, **texts: str | bytes) -> list[Query]:
    """Read a folder `sql` with these files: the argument `a` is its `a.sql`."""
    folder = parent / "sql"
    folder.mkdir()
    for stem, text in texts.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / f"{stem}.sql").write_bytes(content)
    return read_folder(folder)


def read_one(parent: Path, text: str) -> Query:
    """Read the only query of a file."""
    (query,) = read(parent, a=text)
    return query


def refusal(parent: Path, **texts: str | bytes) -> str:
    """Read files with errors, and return the message without columns."""
    with pytest.raises(GenerationError) as caught:
        read(parent, **texts)
    return re.sub(r"^(\S+:\d+):\d+: ", r"\1: ", str(caught.value), flags=re.MULTILINE)
