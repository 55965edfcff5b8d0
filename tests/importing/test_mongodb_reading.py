"""Raw documents of MongoDB: of servers, dumps and exports, and from positions."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import bson
import pytest
from bson import Decimal128, Int64, ObjectId
from bson.binary import Binary, UuidRepresentation
from pydantic import SecretStr

from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.sources.mongodb.reading import RawReader, open_reader
from tests.importing.mongodb_files import LAYOUTS, MODES, write_dump, write_export
from tests.importing.mongodb_server import SERVERS, mongodb_database, mongodb_server

Raw: TypeAlias = dict[str, Any]
Write: TypeAlias = Callable[[Path, list[Raw]], None]

pytestmark = pytest.mark.one_version

KEY: Final = UUID("00112233-4455-6677-8899-aabbccddeeff")
NAME: Final = "openiddict.tokens"


def documents() -> list[Raw]:
    """Return documents with each type that stores of identities use."""
    return [
        {
            "_id": ObjectId(f"{number:024x}"),
            "legacy": Binary.from_uuid(KEY, UuidRepresentation.CSHARP_LEGACY),
            "standard": Binary.from_uuid(KEY),
            "nested": [{"key": Binary.from_uuid(KEY)}, 1, 2.5, None, True],
            "octets": b"\x00\xff",
            "ticks": Int64(638_000_000_000_000_000),
            "text": 'ü "[]{},\\' * number,
            "made": datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
            "ancient": datetime(1960, 1, 1, tzinfo=UTC),
            "price": Decimal128("1.10"),
        }
        for number in range(1, 41)
    ]


def write_dump_of_a_server(folder: Path, found: list[Raw]) -> None:
    write_dump(folder / "house", {NAME: found})
    write_dump(folder / "admin", {"system.users": found, "other": found})


def write_compressed_dump(folder: Path, found: list[Raw]) -> None:
    write_dump(folder, {NAME: found}, compressed=True)


def writer_of_exports(mode: str, layout: str) -> Write:
    def write(folder: Path, found: list[Raw]) -> None:
        write_export(folder, {NAME: found}, mode=mode, layout=layout)

    return write


FORMS: Final[dict[str, Write]] = {
    "dump": write_dump_of_a_server,
    "compressed dump": write_compressed_dump,
    **{
        f"{mode} {layout}": writer_of_exports(mode, layout)
        for mode in MODES
        for layout in LAYOUTS
    },
}


@pytest.fixture(scope="module", params=SERVERS)
def mongodb(request: pytest.FixtureRequest) -> Iterator[str]:
    with mongodb_server(request.param) as url:
        yield url


def opened(location: str) -> RawReader:
    return open_reader(SecretStr(location))


def file_of(folder: Path) -> Path:
    (found,) = (
        path
        for path in folder.rglob("*.*")
        if "metadata" not in path.name and path.parent.name != "admin"
    )
    return found


def check(reader: RawReader, expected: list[Raw]) -> None:
    """Compare all documents, and those after each of some positions."""
    (collection,) = reader.collections()
    assert collection.name == NAME
    assert collection.estimated in (None, len(expected))
    read = list(reader.read(NAME))
    assert [document for _, document in read] == expected
    for index in (0, 20, len(read) - 1):
        position = json.loads(json.dumps(read[index][0]))
        rest = [document for _, document in reader.read(NAME, after=position)]
        assert rest == expected[index + 1 :]


def decoded(found: list[Raw]) -> list[Raw]:
    return [
        {
            **document,
            "legacy": KEY,
            "standard": KEY,
            "nested": [{"key": KEY}, *document["nested"][1:]],
        }
        for document in found
    ]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_files_has_the_same_documents(form: str, tmp_path: Path) -> None:
    FORMS[form](tmp_path, documents())
    reader = opened(str(tmp_path))
    check(reader, decoded(documents()))


def test_one_file_of_a_dump_is_a_collection(tmp_path: Path) -> None:
    write_dump(tmp_path, {"a/b": documents(), "other": []})
    (tmp_path / "a%2Fb.metadata.json").unlink()  # the file's name is all there is
    reader = opened(str(tmp_path / "a%2Fb.bson"))
    (collection,) = reader.collections()
    assert collection.name == "a/b"
    assert [one for _, one in reader.read("a/b")] == decoded(documents())


def test_a_server_has_the_same_documents(mongodb: str) -> None:
    with (
        mongodb_database(mongodb, {NAME: documents()}) as url,
        closing(opened(url)) as reader,
    ):
        check(reader, decoded(documents()))
        (_, first), *_ = reader.read(NAME, only=("text", "octets"))
        assert set(first) == {"_id", "text", "octets"}


def test_a_server_goes_on_after_keys_of_any_type(mongodb: str) -> None:
    keys = [1, 2.5, "a", {"a": 1}, Binary.from_uuid(KEY), ObjectId(), True]
    found = {NAME: [{"_id": key} for key in keys]}
    with (
        mongodb_database(mongodb, found) as url,
        closing(opened(url)) as reader,
    ):
        read = list(reader.read(NAME))
        assert len(read) == len(keys)
        for index, (position, _) in enumerate(read):
            assert list(reader.read(NAME, after=position)) == read[index + 1 :]


def test_the_location_names_the_driver_of_legacy_uuids(tmp_path: Path) -> None:
    (tmp_path / "users.bson").write_bytes(
        bson.encode({"_id": Binary.from_uuid(KEY, UuidRepresentation.JAVA_LEGACY)})
    )
    reader = opened(f"{tmp_path}?uuidRepresentation=javaLegacy")
    assert [document for _, document in reader.read("users")] == [{"_id": KEY}]
    with pytest.raises(ConfigurationError, match="must be one of csharpLegacy"):
        opened(f"{tmp_path}?uuidRepresentation=standard")


@pytest.mark.parametrize("form", FORMS)
def test_a_truncated_file_raises_an_error_with_its_name(
    form: str, tmp_path: Path
) -> None:
    FORMS[form](tmp_path, documents())
    file = file_of(tmp_path)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(SourceError, match=rf"{file.name}.* truncated"):
        list(opened(str(tmp_path)).read(NAME))


@pytest.mark.parametrize("layout", ["array", "pretty"])
def test_an_array_that_ends_after_a_document_is_truncated(
    layout: str, tmp_path: Path
) -> None:
    write_export(tmp_path, {NAME: documents()}, layout=layout)
    file = file_of(tmp_path)
    file.write_text(file.read_text().rstrip().removesuffix("]"))
    with pytest.raises(SourceError, match=r"is truncated"):
        list(opened(str(tmp_path)).read(NAME))


@pytest.mark.parametrize("form", FORMS)
def test_no_error_of_a_damaged_file_repeats_its_content(
    form: str, tmp_path: Path
) -> None:
    FORMS[form](tmp_path, [{"_id": 1, "secret": "swordfish" * 9}])
    file = file_of(tmp_path)
    content = file.read_bytes()
    for index in range(0, len(content), 7):
        file.write_bytes(content[:index] + b"\x00\x00" + content[index + 2 :])
        with suppress(SourceError):
            list(opened(str(tmp_path)).read(NAME))
    file.write_bytes(content[:-4])
    with pytest.raises(SourceError) as raised:
        list(opened(str(tmp_path)).read(NAME))
    assert "swordfish" not in str(raised.value)


def test_an_archive_of_mongodump_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "all"
    archive.write_bytes(b"\x6d\xe2\x99\x81 and the rest")
    with pytest.raises(SourceError, match="use mongodump without --archive"):
        opened(str(archive))
    archive.write_bytes(gzip.compress(b"\x6d\xe2\x99\x81 and the rest"))
    with pytest.raises(SourceError, match="use mongodump without --archive"):
        opened(str(archive))


def test_a_location_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no folder or file"):
        opened(str(tmp_path / "none"))
    with pytest.raises(SourceError, match="has no files of mongodump"):
        opened(str(tmp_path))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "users.bson").write_bytes(b"")
    with pytest.raises(SourceError, match=r"several databases.*\(one, two\)"):
        opened(str(tmp_path))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mongodb://ann:swordfish@127.0.0.1:1/", "must name a database"),
        ("mongodb://ann:sword@fish@127.0.0.1:1/house", "has an error: InvalidURI"),
        ("mongodb://ann:swordfish@127.0.0.1:x/house", "has an error"),
    ],
)
def test_a_url_with_an_error_is_refused_without_its_password(
    url: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=reason) as raised:
        opened(url)
    assert "fish" not in str(raised.value)


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    options = "serverSelectionTimeoutMS=200"
    reader = opened(f"mongodb://ann:swordfish@127.0.0.1:1/house?{options}")
    with pytest.raises(SourceError, match=r"mongodb://127.0.0.1:1/house cannot be"):
        reader.collections()
    assert "swordfish" not in reader.name
    reader.close()
