"""CSV, JSON and JSON lines as documents: positions, damage, and what is no document."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Document, Dropped
from tests.importing.mapped import every_document, source_of

pytestmark = pytest.mark.one_version

MAPPING = """
    [collections.users]
    [[collections.users.entries]]
    kind = "user"
    subject_id = "sub"
    username = "name"
    [collections.version]
    ignore = "no documents"
"""
TEXTS = {
    "csv": 'sub,name,note\n1,ann,"a\n\nb"\n\n2,bob,\n3,cat,"c"\n',
    "json-lines": "".join(
        json.dumps({"sub": str(n), "name": name}) + "\n"
        for n, name in enumerate(("ann", "bob", "cat"), start=1)
    ),
    "json": '[{"sub": 1, "name": "ann"}, {"sub": 2, "name": "bob"},\n'
    '{"sub": 3, "name": "cat"}]',
}
ENDINGS = {"csv": "csv", "json-lines": "ndjson", "json": "json"}


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(dedent(MAPPING))
    return path


def written(folder: Path, kind: str, text: str) -> Path:
    path = folder / f"users.{ENDINGS[kind]}"
    path.write_text(text)
    return path


def read(kind: str, path: Path, mapping: Path) -> Sequence[Document]:
    return every_document(source_of(kind, path, mapping))["users"]


@pytest.mark.parametrize("kind", TEXTS)
def test_reading_goes_on_after_each_document(
    tmp_path: Path, mapping: Path, kind: str
) -> None:
    path = written(tmp_path, kind, TEXTS[kind])
    if kind != "json":
        path.write_bytes(gzip.compress(path.read_bytes()))
    source = source_of(kind, path, mapping)
    every = list(source.read("users"))
    assert [document.refused for document in every] == [None] * 3
    assert source.name == f"{kind}:{path}"
    for count, document in enumerate(every, start=1):
        position = json.loads(json.dumps(document.position))
        assert list(source.read("users", after=position)) == every[count:]


@pytest.mark.parametrize(
    ("kind", "end", "message"),
    [
        ("csv", -2, "unexpected end of data"),
        ("json-lines", -3, "line 3 has no end"),
        ("json", -1, "is no complete JSON"),
    ],
)
def test_a_truncated_file_is_an_error_that_names_it(
    tmp_path: Path, mapping: Path, kind: str, end: int, message: str
) -> None:
    path = written(tmp_path, kind, TEXTS[kind][:end])
    with pytest.raises(SourceError, match=message) as error:
        read(kind, path, mapping)
    assert "users." in str(error.value)


@pytest.mark.parametrize(
    ("kind", "text", "refused"),
    [
        ("csv", "sub,name\n1\n2,bob\n", "the row has 1 fields, the header 2"),
        (
            "json-lines",
            'hunter2\n{"sub": 2, "name": "bob"}',
            "line 1 is no JSON object",
        ),
        (
            "json",
            '["hunter2", {"sub": 2, "name": "bob"}]',
            "the document is no JSON object",
        ),
    ],
)
def test_what_is_no_document_is_refused(
    tmp_path: Path, mapping: Path, kind: str, text: str, refused: str
) -> None:
    first, second = read(kind, written(tmp_path, kind, text), mapping)
    assert str(first.refused).startswith(refused)
    assert "hunter2" not in str(first)
    assert second.refused is None


def test_lists_of_an_object_are_collections(tmp_path: Path, mapping: Path) -> None:
    text = json.dumps({"version": 3, "users": json.loads(TEXTS["json"])})
    path = tmp_path / "export.json"
    path.write_text("\n " + text)
    found = every_document(source_of("json", path, mapping))
    assert [document.refused for document in found["users"]] == [None] * 3
    (version,) = found["version"]
    assert version.dropped == (Dropped(field="*", reason="no documents"),)
    path.write_text(json.dumps({"users": [], "orders": []}))
    with pytest.raises(ConfigurationError, match="no rules for orders"):
        every_document(source_of("json", path, mapping))


def test_a_csv_file_has_its_own_delimiter_and_encoding(
    tmp_path: Path, mapping: Path
) -> None:
    tabs = tmp_path / "users.tsv"
    tabs.write_bytes(b"\xef\xbb\xbfsub\tname\r\n1\tann\r\n")
    assert [document.refused for document in read("csv", tabs, mapping)] == [None]
    mapping.write_text('csv.encoding = "latin-1"\n' + mapping.read_text())
    path = tmp_path / "users.csv"
    path.write_bytes("sub,name\n1,bjørn\n".encode("latin-1"))
    (found,) = read("csv", path, mapping)
    assert getattr(found.entries[0], "username", None) == "bjørn"
    mapping.write_text(mapping.read_text().replace("latin-1", "utf-8"))
    with pytest.raises(SourceError, match=r"users.csv, line 2: no utf-8"):
        read("csv", path, mapping)
    path.write_text("sub,name,sub\n")
    with pytest.raises(SourceError, match="a name twice"):
        read("csv", path, mapping)


def test_a_folder_needs_files_with_different_names(
    tmp_path: Path, mapping: Path
) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    with pytest.raises(SourceError, match=r"has no file \*.csv or \*.tsv"):
        source_of("csv", folder, mapping)
    for name in ("users.csv", "users.tsv"):
        (folder / name).write_text("sub\n")
    with pytest.raises(SourceError, match="has two files users"):
        source_of("csv", folder, mapping)
    with pytest.raises(SourceError, match="is no file or folder"):
        source_of("csv", tmp_path / "absent", mapping)
