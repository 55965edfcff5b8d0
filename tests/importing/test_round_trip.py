"""import(export(x)) = x: a tenant leaves as entries and comes back the same."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from authority_queries import EntryExporter
from authority_queries.errors import SourceError
from authority_queries.importing.exporting import NOT_EXPORTED
from authority_queries.importing.importer import Importer
from authority_queries.importing.sources import SourceOptions, open_source
from authority_queries.importing.writing.summaries import ImportSummary
from tests.conftest import Databases, Server
from tests.isolation.matrix.world import FOREIGN, OWN, fill, tenant_id, tenant_tables
from tests.operations.moving import Place, owned, place

pytestmark = pytest.mark.one_version


@pytest.fixture(scope="module")
def places(
    server: Server,
    all_databases: Databases,
    template: str,
    login_names: dict[str, str],
) -> Iterator[tuple[Place, Place]]:
    """A source and a target without tenants."""
    with ExitStack() as stack:
        owner = stack.enter_context(owned(server.conninfo))
        source, target = (
            stack.enter_context(
                place(
                    stack.enter_context(all_databases.copy_of(template)),
                    owner,
                    login_names,
                )
            )
            for _ in range(2)
        )
        yield source, target


def exported(where: Place, tenant: UUID | None = None) -> str:
    with EntryExporter.open(where.settings("owner")) as exporter:
        export = (
            exporter.export_tenants()
            if tenant is None
            else exporter.export_tenant(tenant)
        )
        with closing(export) as texts:
            return "".join(texts)


def entries_of(text: str) -> list[str]:
    """The lines without the last one, which counts what has no kind."""
    return text.split("\n")[:-2]


def brought(where: Place, text: str, folder: Path) -> ImportSummary:
    file = folder / "tenants.jsonl"
    file.write_bytes(text.encode())
    source = open_source("jsonl", SourceOptions(location=SecretStr(str(file))))
    with closing(source), Importer.open(where.settings("owner")) as importer:
        return importer.run(source)


def rows_of(where: Place, tenant: UUID) -> dict[str, list[str]]:
    """Each row as text, but for the number of its changes."""
    query = (
        "select (to_jsonb(one) - 'row_version')::text from {table} as one "
        "where {column} = %s"
    )
    return {
        table.name: sorted(
            row for (row,) in where.dba.execute(table.statement(query), (tenant,))
        )
        for table in tenant_tables(where.dba)
        if not table.is_partition and table.name not in NOT_EXPORTED
    }


def check_return(
    places: tuple[Place, Place], tenant: UUID, folder: Path
) -> ImportSummary:
    source, target = places
    text = exported(source, tenant)
    summary = brought(target, text, folder)
    assert summary.refusals == 0, summary.collections[0].refused
    assert entries_of(exported(target, tenant)) == entries_of(text)
    assert rows_of(target, tenant) == rows_of(source, tenant)
    assert summary.existing.total() == 0
    return summary


def test_everything_of_all_tenants_comes_back(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    source, target = places
    with source.dba.transaction():
        fill(source.dba, code=FOREIGN, extent=2, ids="ffffffff")
        fill(source.dba, code=OWN, extent=1, ids="aaaaaaaa")
    text = exported(source)
    summary = brought(target, text, tmp_path)
    assert summary.refusals == 0, summary.collections[0].refused
    assert summary.created.total() == len(entries_of(text))
    dropped = {field for field, _ in summary.collections[0].dropped}
    assert dropped >= NOT_EXPORTED.keys()
    assert entries_of(exported(target)) == entries_of(text)
    for code in (OWN, FOREIGN):
        rows = rows_of(source, tenant_id(code))
        assert rows_of(target, tenant_id(code)) == rows
        assert sum(map(len, rows.values())) > 50
    again = brought(target, text, tmp_path)
    assert again.created.total() == 0
    assert entries_of(exported(target)) == entries_of(text)


# Text of PostgreSQL has no NUL, and UTF-8 has no surrogates.
TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 2),
    max_value=datetime(8999, 12, 30),
    timezones=st.just(UTC),
)
NAMES = st.lists(
    st.from_regex(r"[!#-\[\]-~]{1,12}", fullmatch=True), unique=True, max_size=4
)
SPANS = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=36_000))
# One value for each statement of CHANGES.
VALUES = st.fixed_dictionaries(
    {
        "text": TEXTS,
        "object": OBJECTS,
        "texts": st.dictionaries(st.sampled_from(["de", "en-GB"]), TEXTS),
        "list": st.lists(
            OBJECTS.map(lambda one: {**one, "type": "payment"}), max_size=2
        ),
        "moment": st.none() | MOMENTS,
        "scopes": NAMES,
        "octets": st.binary(min_size=1, max_size=60),
        "span": SPANS,
    }
)
CHANGES = (
    "update authority.tenants set display_name = %(text)s, settings = %(object)s, "
    "tokens_valid_after = %(moment)s, foreign_tokens_until = %(moment)s "
    "where id = %(tenant)s and %(text)s <> ''",
    "update authority.users set display_name = %(text)s, attributes = %(object)s, "
    "tokens_valid_after = %(moment)s where tenant_id = %(tenant)s",
    "update authority.roles set description = %(text)s where tenant_id = %(tenant)s",
    "update authority.clients set properties = %(object)s, settings = %(object)s, "
    "metadata_valid_until = %(moment)s where tenant_id = %(tenant)s",
    "update authority.scopes set display_name = %(text)s, properties = %(object)s "
    "where tenant_id = %(tenant)s and not is_system",
    "update authority.service_accounts set attributes = %(object)s, "
    "allowed_scopes = %(scopes)s where tenant_id = %(tenant)s",
    "update authority.consents set scopes = %(scopes)s, properties = %(object)s, "
    "authorization_details = %(list)s where tenant_id = %(tenant)s",
    "update authority.tokens set scopes = %(scopes)s, payload = %(octets)s, "
    "properties = %(object)s, authorization_details = %(list)s "
    "where tenant_id = %(tenant)s",
    "update authority.licenses set properties = %(object)s, grace = %(span)s "
    "where tenant_id = %(tenant)s",
    "update authority.webauthn_credentials set public_key = %(octets)s "
    "where tenant_id = %(tenant)s",
    "update authority.user_identities set profile = %(object)s "
    "where tenant_id = %(tenant)s",
)


def test_random_values_come_back_octet_by_octet(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    numbers = iter(range(1, 1000))

    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(VALUES)
    def check(values: dict[str, Any]) -> None:
        number = next(numbers)
        tenant = tenant_id(f"random-{number}")
        arguments = {
            name: Jsonb(value) if name in ("object", "texts", "list") else value
            for name, value in values.items()
        }
        source = places[0]
        with source.dba.transaction():
            fill(
                source.dba, code=f"random-{number}", extent=number, ids=f"{number:08x}"
            )
            for change in CHANGES:
                source.dba.execute(change.encode(), {**arguments, "tenant": tenant})
        check_return(places, tenant, tmp_path)

    check()


def test_a_file_that_lost_lines_is_refused(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    source, target = places
    with source.dba.transaction():
        fill(source.dba, code="lost", extent=1, ids="bbbbbbbb")
    lines = exported(source, tenant_id("lost")).split("\n")
    assert json.loads(lines[-2])["kind"] == "end"
    with pytest.raises(SourceError, match="is not whole"):
        brought(target, "\n".join(lines[:5] + lines[6:]), tmp_path)
