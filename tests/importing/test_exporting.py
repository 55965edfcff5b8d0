"""`EntryExporter` and `authority export entries`: tenants in the portable form."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries import EntryExporter
from authority_queries.cli import main
from authority_queries.errors import NotFoundError, UnavailableError
from authority_queries.importing.entries import ENTRY
from authority_queries.importing.entries.end import End
from authority_queries.importing.exporting import NOT_EXPORTED
from authority_queries.importing.writing.tables import TABLES
from authority_queries.service.migrations import yoyo_url
from tests.conftest import Databases, Server
from tests.isolation.matrix.world import FOREIGN, OWN, fill, tenant_id, tenant_tables
from tests.operations.moving import Place, owned, place

pytestmark = pytest.mark.one_version

ACME = tenant_id(OWN)


@pytest.fixture(scope="module")
def source(
    server: Server,
    all_databases: Databases,
    template: str,
    login_names: dict[str, str],
) -> Iterator[Place]:
    """Two tenants that have everything."""
    with (
        owned(server.conninfo) as owner,
        all_databases.copy_of(template) as conninfo,
        place(conninfo, owner, login_names) as made,
    ):
        with made.dba.transaction():
            fill(made.dba, code=FOREIGN, extent=2, ids="ffffffff")
            fill(made.dba, code=OWN, extent=1, ids="aaaaaaaa")
        yield made


def lines_of(where: Place, tenant: UUID | None = ACME) -> list[dict[str, Any]]:
    with EntryExporter.open(where.settings("owner")) as exporter:
        export = (
            exporter.export_tenants()
            if tenant is None
            else exporter.export_tenant(tenant)
        )
        with closing(export) as texts:
            return [json.loads(line) for line in "".join(texts).split("\n")[:-1]]


def entry_of(line: dict[str, Any]) -> Any:
    return ENTRY.validate_json(
        json.dumps({name: value for name, value in line.items() if name != "tenant"})
    )


def test_each_table_of_tenants_has_a_kind_or_a_reason(source: Place) -> None:
    tables = {one.name for one in tenant_tables(source.dba) if not one.is_partition}
    kinds = {table.name for table in TABLES.values()}
    assert tables == kinds | NOT_EXPORTED.keys()
    assert not kinds & NOT_EXPORTED.keys()


def test_the_fields_of_an_entry_are_the_columns_of_its_table(source: Place) -> None:
    query = "select field from authority.list_entry_fields(%s)"
    for table in TABLES.values():
        fields = {name for (name,) in source.dba.execute(query, (table.name,))}
        assert fields == table.fields.keys(), table.name


def test_an_export_has_every_row_after_those_that_it_refers_to(source: Place) -> None:
    *lines, last = lines_of(source)
    end = End.model_validate(last)
    digests = source.digests(ACME)
    counts = {table.kind: digests[table.name][0] for table in TABLES.values()}
    assert end.entries == counts
    assert all(counts.values())
    assert end.lines == len(lines)
    order = list(TABLES)
    kinds = [line["kind"] for line in lines]
    assert kinds == sorted(kinds, key=order.index)
    assert {line["tenant"] for line in lines} == {OWN}
    for line in lines:
        entry = entry_of(line)
        # Nothing is lost or added by the models.
        assert entry.model_dump(exclude_none=True).keys() == line.keys() - {"tenant"}
    missing = {one.table: one.rows for one in end.not_exported}
    assert missing == {name: digests[name][0] for name in NOT_EXPORTED}


def test_values_are_octet_by_octet_those_of_the_row(source: Place) -> None:
    text = 'quote " back \\ slash \u2028 \U0001f600 é'
    moment = "8999-12-31 23:59:59.999999+00"
    with source.dba.transaction(force_rollback=True):
        source.dba.execute(
            "insert into authority.users (tenant_id, subject_id, username, "
            "username_key, display_name, tokens_valid_after, attributes) "
            "values (%s, 'x', 'x', 'x', %s, %s, %s)",
            (ACME, text, moment, '{"n": 1.10, "big": 1e30, "null": null, "a": []}'),
        )
        (found,) = [
            json.loads(line, parse_float=str)
            for (lines,) in source.dba.execute(
                "select lines from authority.export_entries"
                "(%s, 'users', 'user', null, 1000)",
                (ACME,),
            )
            for line in lines.split("\n")
            if '"subject_id":"x"' in line
        ]
        (stored,) = source.dba.execute(
            "select created_at from authority.users "
            "where tenant_id = %s and subject_id = 'x'",
            (ACME,),
        ).fetchone() or (None,)
    assert found["display_name"] == text
    assert found["tokens_valid_after"] == "8999-12-31T23:59:59.999999+00:00"
    assert datetime.fromisoformat(found["created_at"]) == stored
    assert found["attributes"] == {"n": "1.10", "big": 10**30, "null": None, "a": []}
    assert "password_hash" not in found
    assert "tenant_id" not in found


def test_all_tenants_are_of_one_moment(source: Place) -> None:
    both = lines_of(source, None)
    codes = [line["tenant"] for line in both[:-1]]
    assert codes == sorted(codes)
    assert set(codes) == {OWN, FOREIGN}
    with (
        EntryExporter.open(source.settings("owner")) as exporter,
        closing(exporter.export_tenants()) as texts,
    ):
        first = next(texts)
        source.dba.execute(
            "update authority.tenants set display_name = 'Later' where code = %s",
            (FOREIGN,),
        )
        rest = first + "".join(texts)
    assert [json.loads(line) for line in rest.split("\n")[:-1]] == both


def test_only_the_owner_exports(source: Place) -> None:
    for login in ("app", "maintenance", "reader"):
        with (
            psycopg.connect(getattr(source.logins, login), autocommit=True) as session,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            session.execute(
                "select authority.export_entries(%s, 'users', 'user', null, 1)",
                (ACME,),
            )
        with (
            pytest.raises(UnavailableError, match="as the owner of the database"),
            EntryExporter.open(source.settings(login)),
        ):
            pass


def test_the_command_lists_what_it_did_not_write(
    source: Place,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(source.owner))
    assert main(["export", "entries", OWN]) == 0
    written, told = capfdbinary.readouterr()
    lines = [json.loads(line) for line in written.splitlines()]
    assert lines == lines_of(source)
    assert f"{len(lines) - 1:,} entries\n".encode() in told
    for name, reason in NOT_EXPORTED.items():
        assert f"not exported: {OWN}: {name}: ".encode() in told
        assert reason.encode() in told
    assert main(["export", "entries", "--all", "--quiet"]) == 0
    assert capfdbinary.readouterr().err == b""
    assert main(["export", "entries"]) == 2
    assert main(["export", "entries", OWN, "--all"]) == 2
    assert main(["export", "entries", "nobody"]) == 1


def test_an_unknown_tenant_is_refused(source: Place) -> None:
    with pytest.raises(NotFoundError):
        lines_of(source, UUID(int=1))
