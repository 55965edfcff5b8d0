"""The mapping files of examples/import, on documents of each reader."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from authority_queries import (
    Authority,
    Importer,
    ImportOptions,
    ImportSummary,
    Maintenance,
    Store,
    parse_foreign_token,
    verify_client_secret,
    verify_password,
)
from authority_queries.cli import main
from authority_queries.importing.comparing import CompareOptions, Comparer
from authority_queries.importing.documents import Document, Source
from authority_queries.importing.entries import UserEntry
from authority_queries.importing.mapping.compiling import load_mapping
from authority_queries.importing.mapping.mapper import Mapper
from authority_queries.resources import EXAMPLES
from tests.importing import mapping_samples as samples
from tests.importing.mapped import every_document, source_of, write_lines
from tests.importing.mongodb_files import write_dump, write_export
from tests.importing.mongodb_server import SERVERS, mongodb_database, mongodb_server
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

FILES: Final = EXAMPLES / "import"
AUTHORITY: Final = FILES / "authority.toml"


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collections of the authority as mongodump writes them."""
    folder = tmp_path_factory.mktemp("dump")
    write_dump(folder, samples.AUTHORITY)
    return folder


def read_authority(kind: str, location: Path | str) -> dict[str, list[Document]]:
    """Read the sample of the authority, without positions."""
    found = every_document(source_of(kind, location, AUTHORITY, tenant=None))
    return {
        name: [replace(document, position=None) for document in documents]
        for name, documents in found.items()
    }


def kinds(found: Mapping[str, Sequence[Document]]) -> Counter[str]:
    return Counter(
        entry.kind
        for documents in found.values()
        for document in documents
        for entry in document.entries
    )


def refusals(found: Mapping[str, Sequence[Document]]) -> dict[str, str]:
    return {
        document.id: document.refused
        for documents in found.values()
        for document in documents
        if document.refused
    }


def dropped(found: Mapping[str, Sequence[Document]]) -> set[tuple[str, str]]:
    return {
        (each.field, each.reason)
        for documents in found.values()
        for document in documents
        for each in document.dropped
    }


def test_each_example_is_a_mapping() -> None:
    paths = sorted(FILES.glob("*.toml"))
    assert [path.stem for path in paths] == ["authority", "csv", "json_lines"]
    for path in paths:
        assert load_mapping(path).collections


def test_each_collection_of_the_authority_becomes_entries(dump: Path) -> None:
    found = read_authority("mongodb", dump)
    assert refusals(found) == {str(samples.key(4)): "user.username: is missing"}
    assert kinds(found) == Counter(
        tenant=1,
        user=2,
        role=3,
        user_role=3,
        user_identity=1,
        client=1,
        client_secret=1,
        scope=1,
        service_account=1,
        token=3,
        authorization=3,
        revocation=1,
        login_attempt=2,
        license=1,
        license_usage=1,
    )
    tenants = {document.tenant for document in found["authority_tokens"]}
    assert tenants == {"acme", None}
    assert ("*", "invitations are sent again") in dropped(found)
    assert ("host", "unknown field") in dropped(found)


@pytest.mark.parametrize("mode", ["canonical", "relaxed"])
def test_each_reader_yields_the_same_entries(
    dump: Path, tmp_path: Path, mode: str
) -> None:
    expected = read_authority("mongodb", dump)
    write_export(tmp_path, samples.AUTHORITY, mode=mode)
    assert read_authority("mongodb", tmp_path) == expected
    assert read_authority("json-lines", tmp_path) == expected


@pytest.fixture(scope="module", params=SERVERS)
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with (
        mongodb_server(request.param) as server,
        mongodb_database(server, samples.AUTHORITY) as url,
    ):
        yield url


def test_a_server_yields_the_same_entries(dump: Path, server_url: str) -> None:
    expected = read_authority("mongodb", dump)
    found = read_authority("mongodb", server_url)
    # A server has no collection without documents.
    assert found == {name: each for name, each in expected.items() if each}


def write_csv(folder: Path) -> Path:
    for name, text in samples.CSV.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_csv_files_become_entries(tmp_path: Path) -> None:
    found = every_document(source_of("csv", write_csv(tmp_path), FILES / "csv.toml"))
    assert refusals(found) == {
        "3": "mail is no e-mail address",
        "line 6": "the row has 2 fields, the header 12",
    }
    assert kinds(found) == Counter(
        user=2, role=2, user_role=2, client=2, client_secret=1
    )
    users = [
        entry
        for document in found["users"]
        for entry in document.entries
        if isinstance(entry, UserEntry)
    ]
    assert users[0].attributes == {"phone": "+49 1", "cost_centre": "77"}
    assert [user.display_name for user in users] == ["Ann O;Neil", "Bob B\nC"]
    assert [user.status for user in users] == ["active", "suspended"]
    assert dropped(found) == {
        ("owner", "unknown field"),
        ("*", "users sign in again"),
    }


def test_json_lines_become_entries(tmp_path: Path) -> None:
    location = write_lines(tmp_path / "raw", samples.JSON_LINES)
    found = every_document(source_of("json-lines", location, FILES / "json_lines.toml"))
    assert refusals(found) == {}
    assert kinds(found) == Counter(user=2, user_identity=1, role=1, user_role=1)


def leaves(
    value: object, above: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each field that is no object or list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*above, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*above, place))
    elif value is not None:
        yield above


def changed(value: Any, path: tuple[str | int, ...], *new: object) -> Any:
    """Return a copy of a document with another value of a field, or without it."""
    step, *rest = path
    copied = value.copy()
    if rest:
        copied[step] = changed(value[step], tuple(rest), *new)
    elif new:
        (copied[step],) = new
    else:
        del copied[step]
    return copied


def is_listed(path: tuple[str | int, ...], document: Document) -> bool:
    names = [each.field for each in document.dropped]
    return any(".".join(map(str, path[:n])) in names for n in range(1, len(path) + 1))


@pytest.mark.parametrize(
    ("mapping", "collections"),
    [("authority", samples.AUTHORITY), ("json_lines", samples.JSON_LINES)],
)
def test_no_field_disappears_in_silence(
    mapping: str, collections: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """A field is listed as dropped, or the entries change with it."""
    rules = load_mapping(FILES / f"{mapping}.toml").collections
    count = 0
    for name, documents in collections.items():
        mapper = Mapper(rules[name], "acme")
        for document in documents:
            whole = mapper.convert(document, None)
            if whole.refused or not whole.entries:
                continue
            for path in leaves(document):
                count += 1
                others = (
                    mapper.convert(changed(document, path, *new), None)
                    for new in ((), ("other",))
                )
                assert is_listed(path, whole) or any(
                    (found.tenant, found.entries) != (whole.tenant, whole.entries)
                    for found in others
                ), path
    assert count > 20


def imported(home: Place, source: Source, tenant: str | None = None) -> ImportSummary:
    with Importer.open(home.settings("owner")) as importer, closing(source):
        return importer.run(source, ImportOptions(tenant=tenant))


def refused(summary: ImportSummary) -> list[str]:
    return [each.id for found in summary.collections for each in found.refused]


def test_the_authority_is_imported_once_and_works(home: Place, dump: Path) -> None:
    def run() -> ImportSummary:
        return imported(home, source_of("mongodb", dump, AUTHORITY, tenant=None))

    first = run()
    assert refused(first) == [str(samples.key(4))]
    again = run()
    assert again.created == Counter()
    assert again.existing == first.created + first.existing
    with (
        Maintenance.open(home.settings("maintenance")) as maintenance,
        maintenance.store() as store,
    ):
        tenant = store.tenants.get_by_code(code="acme")
        assert tenant is not None
        lifetime = timedelta(days=30)
        store.tenants.accept_foreign_tokens(tenant_id=tenant.id, lifetime=lifetime)
    with (
        Authority.open(home.settings("app")) as authority,
        authority.tenant(tenant.id) as store,
    ):
        check_acme(store, tenant.id)


def check_acme(store: Store, tenant_id: UUID) -> None:
    """Sign in with the password, the client's secret, and a token of the old store."""
    alice = store.users.get_by_username(tenant_id=tenant_id, username="ALICE")
    assert alice is not None
    assert verify_password(alice.password_hash, samples.PASSWORD)
    (secret,) = store.client_secrets.list_live(tenant_id=tenant_id, client_id="console")
    assert verify_client_secret(secret.secret_hash, samples.SECRET)
    presented = parse_foreign_token(samples.ACCESS, kind="access", tenant_id=tenant_id)
    found = store.tokens.verify(
        tenant_id=tenant_id, token_hash=presented.hash, type="access"
    )
    assert found is not None
    assert found.user_id == alice.id


def test_the_imported_authority_does_not_differ(home: Place, dump: Path) -> None:
    def source() -> Source:
        return source_of("mongodb", dump, AUTHORITY, tenant=None)

    imported(home, source())
    with Comparer.open(home.settings("owner")) as comparer, closing(source()) as again:
        found = comparer.compare(again, CompareOptions(sample=None))
    assert [each for each in found.findings if each.rule is None] == []
    assert sum(each.compared for each in found.collections) == 14


def test_the_commands_take_a_mapping(
    home: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = home.settings("owner").database_url
    assert url is not None
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", url.get_secret_value())
    monkeypatch.chdir(tmp_path)
    source = f"csv:{write_csv(tmp_path)}"
    options = ["--mapping", str(FILES / "csv.toml"), "--tenant", "corp"]
    assert main(["import", source, *options]) == 1
    captured = capsys.readouterr()
    assert "mail is no e-mail address" in captured.out + captured.err
    assert main(["compare", source, *options, "--full"]) == 1
    capsys.readouterr()
    assert main(["import", source, *options[2:]]) == 2
    assert "--mapping" in capsys.readouterr().err


def test_json_lines_are_imported(home: Place, tmp_path: Path) -> None:
    location = write_lines(tmp_path / "raw", samples.JSON_LINES)
    source = source_of("json-lines", location, FILES / "json_lines.toml", tenant="shop")
    assert refused(imported(home, source, "shop")) == []
