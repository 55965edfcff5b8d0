"""The statements of docs/adding_a_query.md are true, and its code runs."""

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import aiosql
import pytest
from aiosql.types import SQLOperationType
from psycopg.conninfo import make_conninfo

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.generate import generate
from authority_queries.codegen.output import write
from authority_queries.codegen.settings import GenerationSettings, read
from authority_queries.errors import ConfigurationError
from authority_queries.resources import QUERIES
from authority_queries.service.migrations import yoyo_url
from tests.codegen.projects import ROOT, Project
from tests.codegen.query_text import read as read_queries
from tests.conftest import Server
from tests.queries import test_every_file as rules
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

PAGE: Final = (ROOT / "docs" / "adding_a_query.md").read_text()
PACKAGE: Final = "queries_of_the_page"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def table(head: str) -> list[list[str]]:
    """Return the rows of the table whose head begins so, with cells unescaped."""
    _, _, rest = PAGE.partition(f"\n| {head}")
    lines = rest.split("\n\n")[0].splitlines()[2:]
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]
    assert cells
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


def code(cell: str) -> str:
    """Return the first code in a cell."""
    found = re.search(r"(`+) ?(.*?) ?\1", cell)
    assert found, cell
    return found[2]


(SQL,) = blocks("sql")
RECORD, *CALLERS = blocks("python")


@pytest.fixture(scope="module")
def settings(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GenerationSettings]:
    """All queries and that of the page, generated into another package."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(QUERIES, folder / "queries")
    with (folder / "queries" / "users.sql").open("a") as file:
        file.write(f"\n{SQL}")
    output = folder / PACKAGE
    output.mkdir()
    settings = replace(
        read(ROOT / "pyproject.toml"),
        queries=folder / "queries",
        output=output,
        package=PACKAGE,
        folder=None,
    )
    write(generate(settings, conninfo_of_server(server)))
    sys.path.insert(0, str(folder))
    try:
        yield settings
    finally:
        sys.path.remove(str(folder))


def conninfo_of_server(server: Server) -> str:
    return make_conninfo(
        "",
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        dbname=server.maintenance_dbname,
    )


@pytest.mark.parametrize("caller", CALLERS, ids=["sync", "async"])
def test_the_callers_of_the_page_run(
    settings: GenerationSettings,
    logins: Logins,
    caller: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with routed_store(logins) as store:
        tenant = store.tenants.create(code="acme", display_name="Acme").id
        auditor = store.roles.get_by_name(tenant_id=tenant, name="auditor")
        assert auditor is not None
        ann = store.users.create(tenant_id=tenant, username="Ann")
        store.users.create(tenant_id=tenant, username="Bob")
        store.user_roles.assign(tenant_id=tenant, user_id=ann.id, role_id=auditor.id)
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(logins.app))
    ours = re.sub(r"authority_queries\.(queries|records)\b", rf"{PACKAGE}.\1", caller)
    assert ours.count(PACKAGE) == caller.count("RoleHolder\n") + 1
    exec(compile(ours, "adding_a_query.md", "exec"), {})  # noqa: S102 -- our own page


def test_the_query_of_the_page_keeps_the_rules_of_all_queries(tmp_path: Path) -> None:
    (query,) = read_queries(tmp_path, users=SQL)
    rules.test_a_query_states_what_it_returns(query)
    rules.test_a_query_is_bound_to_its_tenant_or_belongs_to_operators(query)
    rules.test_a_query_uses_the_one_clock(query)
    rules.test_a_query_qualifies_its_tables_with_the_schema(query)


def test_the_record_of_the_page_is_what_is_generated(
    settings: GenerationSettings,
) -> None:
    assert RECORD in (settings.output / "records.py").read_text()


ERRORS: Final = table("Instead of")


@pytest.mark.parametrize(
    "row", ERRORS, ids=[re.sub(r"\W+", "_", row[1]) for row in ERRORS]
)
def test_an_error_of_the_page_is_what_is_said(
    settings: GenerationSettings, conninfo: str, tmp_path: Path, row: list[str]
) -> None:
    right, wrong, said = map(code, row)
    assert SQL.count(right) == 1
    text = (QUERIES / "users.sql").read_text()
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "users.sql").write_text(
        f"{text}\n{SQL.replace(right, wrong)}"
    )
    first = text.count("\n") + 2
    with pytest.raises(GenerationError) as caught:
        generate(replace(settings, queries=tmp_path / "queries"), conninfo)
    place, _, message = str(caught.value).partition(": ")
    line = re.match(r"queries/users\.sql:(\d+)", place)
    assert line, place
    assert first <= int(line[1]) < first + SQL.count("\n")
    assert said in message


def test_every_way_of_naming_a_query_is_in_the_table() -> None:
    found = set()
    for written, _ in table("Written"):
        text = f"-- name: {code(written)}\nselect :id" if "(id)" in written else ""
        text = text or f"-- name: {code(written)}\nselect 1"
        queries = aiosql.from_str(text, "psycopg")
        (name,) = [
            name for name in queries.available_queries if not name.endswith("_cursor")
        ]
        found.add(getattr(queries, name).operation)
    assert found == {*SQLOperationType}


def test_every_tag_of_the_table_is_one_and_none_is_missing(tmp_path: Path) -> None:
    tags = [code(tag) for tag, _ in table("Tag")]
    told = r"@unknown is not a tag; the tags are (.*)$"
    with pytest.raises(GenerationError, match=told) as caught:
        read_queries(tmp_path, a="-- name: get()^\n-- @unknown\nselect 1 as one;\n")
    there = str(caught.value).rpartition("the tags are ")[2].split(", ")
    assert [tag.split()[0] for tag in tags] == [*dict.fromkeys(there)]
    for number, tag in enumerate(tags):
        head = "load()!" if tag == "@copy" else "get(after)"
        body = "copy a (b) from stdin" if tag == "@copy" else "select :after as email"
        (tmp_path / str(number)).mkdir()
        read_queries(tmp_path / str(number), a=f"-- name: {head}\n-- {tag}\n{body};\n")


def test_the_types_of_the_table_are_what_is_generated(
    tmp_path: Path, blank_conninfo: str
) -> None:
    wanted = {
        name: code(python)
        for types, python in table("PostgreSQL")
        if re.fullmatch(r"(`[a-z0-9\[\]]+[a-z ]*`(, )?)+", types)
        for name in re.findall(r"`(.*?)`", types)
        if name != "citext"
    }
    columns = [f"c{number}" for number in range(len(wanted))]
    typed = ", ".join(
        f"{column} {name}" for column, name in zip(columns, wanted, strict=True)
    )
    project = Project.make(
        tmp_path,
        blank_conninfo,
        f"create table t ({typed});\n",
        {"types": f"-- name: get()^\nselect t.{', t.'.join(columns)} from t;\n"},
    )
    records = project.render()[tmp_path / project.package / "records.py"]
    found = re.findall(r"^    c\d+: (.*?)(?: \| None)?(?: = .*)?$", records, re.M)
    assert dict(zip(wanted, found, strict=True)) == wanted


def test_the_plan_of_the_page_is_the_committed_one() -> None:
    (plan,) = blocks("text")
    assert plan in (QUERIES / "plans.txt").read_text()


def test_the_filled_list_of_the_page_is_that_of_the_repository() -> None:
    (query,) = blocks("pgsql")
    assert query in (QUERIES / "roles.sql").read_text()


def test_the_settings_of_the_page_can_be_read(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    for name in ("my_service/db/sql", "schema/migrations"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "my_service" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(text)
    settings = read(tmp_path / "pyproject.toml")
    assert settings.package == "my_service.db"
    assert settings.migrations == (tmp_path / "schema" / "migrations",)


def test_every_setting_is_in_the_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.authority]\nunknown = 1\n")
    with pytest.raises(ConfigurationError, match="no setting; allowed is one of") as no:
        read(tmp_path / "pyproject.toml")
    there = str(no.value).rpartition("one of ")[2].split(", ")
    assert {code(row[0]) for row in table("Key of")} == {*there}
