"""The documents about entries are those of the models."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from authority_queries import EntryExporter
from authority_queries.importing.entries import ENTRY
from authority_queries.importing.writing.tables import TABLES
from tests.importing.memory import EVERY_KIND
from tests.isolation.matrix.world import FOREIGN, fill, tenant_id
from tests.operations.moving import Place
from tools.entries import PAGE, SCHEMA, kinds_text, page_text, schema_text

pytestmark = pytest.mark.one_version


@pytest.fixture(scope="module")
def lines(home: Place) -> Iterator[list[dict[str, Any]]]:
    with home.dba.transaction():
        fill(home.dba, code=FOREIGN, extent=2, ids="ffffffff")
    with (
        EntryExporter.open(home.settings("owner")) as exporter,
        closing(exporter.export_tenant(tenant_id(FOREIGN))) as texts,
    ):
        yield [json.loads(line) for line in "".join(texts).split("\n")[:-1]]


def validator() -> Draft202012Validator:
    return Draft202012Validator(
        json.loads(SCHEMA.read_text()), format_checker=FormatChecker()
    )


def test_the_files_are_fresh() -> None:
    """Run `make regenerate` if this fails."""
    assert SCHEMA.read_text() == schema_text()
    assert PAGE.read_text() == page_text()
    for kind in TABLES:
        assert f"\n| `{kind}` | " in kinds_text()


def test_each_exported_line_has_the_schema(lines: list[dict[str, Any]]) -> None:
    valid = validator()
    for line in lines:
        assert [*valid.iter_errors(line)] == [], line["kind"]
    assert {line["kind"] for line in lines} == {*TABLES, "end"}


def test_the_schema_refuses_what_the_models_refuse() -> None:
    valid = validator()
    for entry in EVERY_KIND:
        line = {"tenant": "acme", **json.loads(ENTRY.dump_json(entry))}
        assert valid.is_valid(line), entry.kind
        assert not valid.is_valid({**line, "surprise": 1})
        assert not valid.is_valid({name: line[name] for name in line if name != "kind"})


def test_the_example_reads_an_export(lines: list[dict[str, Any]]) -> None:
    code = PAGE.read_text().partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 -- our own page
    users = names["users_of"](map(json.dumps, lines))
    assert users.keys() == {
        (FOREIGN, line["subject_id"]) for line in lines if line["kind"] == "user"
    }
    assert any(user["roles"] for user in users.values())
