"""The portable form: JSON lines of entries."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from pydantic import JsonValue, SecretStr

from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Document, Source
from authority_queries.importing.entries import TokenEntry
from authority_queries.importing.sources import SourceOptions, open_source

pytestmark = pytest.mark.one_version

# A JSON object without the union of JsonValue, so that tests can change a field.
Line: TypeAlias = dict[str, JsonValue]
TENANT: Final[Line] = {
    "tenant": "acme",
    "kind": "tenant",
    "code": "acme",
    "display_name": "Acme",
}
USER: Final[Line] = {
    "tenant": "acme",
    "kind": "user",
    "subject_id": "1",
    "username": "ann",
}
TOKEN: Final[Line] = {
    "kind": "token",
    "type": "refresh",
    "token_hash": "_-8=",
    "client": "web",
    "expires_at": "2030-01-01T00:00:00Z",
}


def opened(location: Path) -> Source:
    return open_source("jsonl", SourceOptions(location=SecretStr(str(location))))


def written(folder: Path, *lines: Line | bytes, name: str = "acme.jsonl") -> Path:
    texts = [
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    ]
    path = folder / name
    path.write_bytes(b"\n".join(texts) + b"\n")
    return path


def documents(path: Path, *, after: JsonValue = None) -> list[Document]:
    return list(opened(path).read(path.name, after=after))


def test_each_line_becomes_an_entry(tmp_path: Path) -> None:
    marked = b"\xef\xbb\xbf" + json.dumps(TENANT).encode()
    path = written(tmp_path, marked, USER, b" ", TOKEN)
    found = documents(path)
    assert [document.id for document in found] == ["line 1", "line 2", "line 4"]
    assert [document.tenant for document in found] == ["acme", "acme", None]
    kinds = [entry.kind for document in found for entry in document.entries]
    assert kinds == ["tenant", "user", "token"]
    (token,) = found[2].entries
    assert isinstance(token, TokenEntry)
    assert token.token_hash == b"\xff\xef"


@pytest.mark.parametrize("is_packed", [False, True])
def test_reading_goes_on_after_each_position(tmp_path: Path, is_packed: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    path = written(tmp_path, *(USER | {"subject_id": str(n)} for n in range(20)))
    if is_packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    every = documents(path)
    assert len(every) == 20
    for count, document in enumerate(every, start=1):
        # As the importer keeps it.
        position = json.loads(json.dumps(document.position))
        assert documents(path, after=position) == every[count:]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hunter2", "is no JSON object"),
        (b'["hunter2"]', "is no JSON object"),
        (b'{"kind": NaN}', "is no JSON object"),
        (USER | {"tenant": 7}, "has a tenant that is no text"),
        (USER | {"username": "\0"}, "contains the character U+0000"),
        (b'{"kind": "hunter2"}', ": kind: is unknown"),
        (b"{}", ": kind: is missing"),
        ({"kind": "token"}, ": token.type: is missing"),
        (USER | {"color": "hunter2"}, ": user.color: is no field of this kind"),
        (USER | {"email": ["hunter2"]}, ": user.email: should be a valid string"),
        (USER | {"id": "hunter2"}, ": user.id: should be a valid UUID"),
        (USER | {"status": "hunter2"}, ": user.status: should be 'active', 'pending'"),
        (
            USER | {"created_at": "2026-01-01T00:00:00"},
            ": user.created_at: should have",
        ),
        (USER | {"created_at": "hunter2"}, ": user.created_at: should be a valid date"),
        (
            TOKEN | {"token_hash": "hunter2!"},
            ": token.token_hash: Data should be valid",
        ),
    ],
)
def test_a_bad_line_is_refused_without_its_value(
    tmp_path: Path, line: Line | bytes, reason: str
) -> None:
    first, refused, last = documents(written(tmp_path, TENANT, line, USER))
    assert (first.refused, last.refused) == (None, None)
    assert refused.refused is not None
    assert refused.refused.removeprefix("line 2").lstrip().startswith(reason)
    assert "hunter2" not in refused.refused
    # Pydantic quotes a character of the value: "found `h` at 1".
    assert "`" not in refused.refused
    assert not refused.entries


def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = written(tmp_path, TENANT, USER)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert len(documents(path)) == 2
    path.write_bytes(whole[:-5])
    reading = opened(path).read(path.name)
    assert next(reading).refused is None
    with pytest.raises(SourceError, match=r"acme.jsonl is truncated: line 2"):
        next(reading)
    path.write_bytes(gzip.compress(whole)[:-9])
    with pytest.raises(SourceError, match=r"acme.jsonl is truncated"):
        documents(path)
    path.write_bytes(gzip.compress(whole)[:-8] + b"\0" * 8)
    with pytest.raises(SourceError, match=r"acme.jsonl cannot be read"):
        documents(path)


def test_a_folder_has_a_collection_for_each_file(tmp_path: Path) -> None:
    written(tmp_path, TENANT, USER, name="b.jsonl")
    path = written(tmp_path, TENANT, name="a.jsonl.gz")
    path.write_bytes(gzip.compress(path.read_bytes()))
    written(tmp_path, b"no entries", name="README")
    source = opened(tmp_path)
    found = {each.name: each.estimated for each in source.collections()}
    assert found == {"a.jsonl.gz": None, "b.jsonl": 2}
    assert [len(list(source.read(name))) for name in found] == [1, 2]


def test_the_lines_of_a_large_file_are_estimated(tmp_path: Path) -> None:
    path = written(tmp_path, *[USER] * 3000)
    (collection,) = opened(path).collections()
    assert collection.estimated == pytest.approx(3000, rel=0.01)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no file or folder"):
        opened(tmp_path / "absent.jsonl")
    with pytest.raises(SourceError, match="has no file"):
        opened(tmp_path)
    with pytest.raises(ConfigurationError, match="is no kind of source"):
        open_source("hunter2", SourceOptions(location=SecretStr("")))


def test_a_position_of_another_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="position"):
        documents(written(tmp_path, USER), after={"offset": 3})


def test_reading_by_time_is_refused(tmp_path: Path) -> None:
    location = SecretStr(str(written(tmp_path, USER)))
    options = SourceOptions(location=location, since=datetime.now(UTC))
    with pytest.raises(ConfigurationError, match="--update"):
        open_source("jsonl", options)
