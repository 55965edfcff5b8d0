"""Types that `@type` declares: what comes out is one, what is sent is its content."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import psycopg
import pytest

from authority_queries.codegen.describing.declared import UnfitTypeError, look_up
from authority_queries.codegen.describing.type_parts import (
    JSON_VALUE,
    Literals,
    PythonType,
    one_of,
)
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.query import PythonName
from authority_queries.errors import BrokenPromiseError, InvalidArgumentError
from tests.codegen.projects import Project

SCHEMA: Final = """
create table items (
    id int primary key,
    name text,
    status text not null check (status in ('on_sale', 'gone')),
    tags text[] not null check (array_position(tags, null) is null),
    settings jsonb not null,
    claims jsonb,
    key bytea
);
"""
KINDS: Final = """
from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Literal, NewType, NotRequired, Required, TypedDict

from pydantic import BaseModel

ItemId = NewType("ItemId", int)
Key = NewType("Key", bytes)
Tag = Literal["new", "old"]


class Status(Enum):
    ON_SALE = "on_sale"
    GONE = "gone"


class Half(Enum):
    GONE = "gone"


class Name(str):
    pass


class Settings(TypedDict, total=False):
    color: Required[str]
    sizes: NotRequired[Sequence[int]]
    inner: NotRequired["Settings"]


class Claims(BaseModel):
    sub: str
    age: int | None = None


class Point:
    pass
"""
TYPES: Final = """
-- @type id: PACKAGE.kinds:ItemId
-- @type name: PACKAGE.kinds:Name
-- @type status: PACKAGE.kinds:Status
-- @type tags: PACKAGE.kinds:Tag
-- @type settings: PACKAGE.kinds:Settings
-- @type claims: PACKAGE.kinds:Claims
"""
COLUMNS: Final = (
    "items.id, items.name, items.status, items.tags, items.settings, items.claims"
)
QUERIES: Final = """
-- name: save(id, name, status, tags, settings, claims)<!
-- The item.
-- @row ItemTYPESinsert into items (id, name, status, tags, settings, claims)
values (:id, :name, :status, :tags, :settings, :claims)
returning COLUMNS;

-- name: save_all(id, name, status, tags, settings, claims)*!
-- How many.
-- @row ItemTYPESinsert into items (id, name, status, tags, settings, claims)
values (:id, :name, :status, :tags, :settings, :claims);

-- name: list_all()
-- Items.
-- @row ItemTYPESselect COLUMNS from items order by items.id;

-- name: get_key(id)^
-- Its key, which does not show.
-- @row Secret
-- @type key: PACKAGE.kinds:Key
select items.key from items where items.id = :id;

-- name: get_status(id)$
-- Its status.
-- @type status: PACKAGE.kinds:Status
select items.status from items where items.id = :id;

-- name: judge(id)^
-- An item whose name is known, or not.
-- @row Verdict
-- @when outcome = named -- name
-- @type name: PACKAGE.kinds:Name
select
    case when items.name is null then 'nameless' else 'named' end as outcome,
    items.name
from items where items.id = :id;
"""
CALLER: Final = """
from typing import assert_type
from {0} import kinds, records
def check(item: records.Item, verdict: records.Verdict) -> None:
    assert_type(item.id, kinds.ItemId)
    assert_type(item.name, kinds.Name | None)
    assert_type(item.status, kinds.Status)
    assert_type(item.settings, kinds.Settings)
    assert_type(item.claims, kinds.Claims | None)
    if verdict.outcome == "named":
        assert_type(verdict.name, kinds.Name)
"""


def made(folder: Path, conninfo: str, queries: str) -> Project:
    """A project whose package imports what is not generated yet."""
    project = Project.make(folder, conninfo, SCHEMA, {})
    package = folder / project.package
    (package / "__init__.py").write_text(
        f"from {project.package}.queries import items\n"
    )
    (package / "kinds.py").write_text(KINDS)
    filled = {"TYPES": TYPES, "COLUMNS": COLUMNS, "PACKAGE": project.package}
    for name, text in filled.items():
        queries = queries.replace(name, text)
    (folder / "queries" / "items.sql").write_text(queries)
    return project


@pytest.fixture
def project(tmp_path: Path, blank_conninfo: str) -> Project:
    return made(tmp_path, blank_conninfo, QUERIES).generate()


@pytest.fixture
def connection(blank_conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        yield connection


def rows_of(kinds: ModuleType, record: Any) -> list[Any]:
    settings = {"color": "red", "sizes": [1], "inner": {"color": "blue"}}
    claims = kinds.Claims(sub="ann", age=7)
    tea = record(1, kinds.Name("Tea"), kinds.Status.GONE, ["new"], settings, claims)
    return [tea, record(2, None, kinds.Status.ON_SALE, [], {"color": "red"}, None)]


def test_values_of_declared_types_are_sent_and_come_out(
    project: Project, connection: psycopg.Connection[Any], blank_conninfo: str
) -> None:
    items, kinds = project.module("queries.items"), project.module("kinds")
    record = project.module("records").Item
    tea, other = rows_of(kinds, record)
    fields = {name: getattr(tea, name) for name in record.__slots__}
    assert items.save(connection, **fields) == tea
    assert items.save_all(connection, [other]) == 1
    found = items.list_all(connection)
    with items.list_all_stream(connection, size=1) as rows:
        streamed = [*rows]

    async def listed() -> Any:
        async with await psycopg.AsyncConnection.connect(blank_conninfo) as other:
            return await items.list_all_async(other)

    assert found == streamed == asyncio.run(listed()) == [tea, other]
    assert type(found[0].name) is kinds.Name
    connection.execute("update items set key = '\\x6869'")
    assert items.get_key(connection, id=1).key == b"hi"
    assert "hi" not in repr(items.get_key(connection, id=1))
    assert items.get_status(connection, id=1) is kinds.Status.GONE
    assert items.get_status(connection, id=404) is None
    assert type(items.judge(connection, id=1).name) is kinds.Name
    assert items.judge(connection, id=2).name is None
    stored = connection.execute("select status, claims from items").fetchone()
    assert stored == ("gone", {"sub": "ann", "age": 7})
    with pytest.raises(InvalidArgumentError, match="status must be a Status, not str"):
        items.save(connection, **{**fields, "status": "gone"})


def test_the_type_checker_believes_what_comes_out(project: Project) -> None:
    (project.folder / "caller.py").write_text(CALLER.format(project.package))
    assert project.mypy("caller.py").startswith("Success")


CHANGES: Final = (
    """update items set settings = '{"color": 1}'""",
    """update items set settings = '{"sizes": []}'""",
    """update items set settings = '{"color": "red", "inner": {}}'""",
    "update items set settings = 'null'",
    "update items set claims = '[]'",
    "update items set tags = '{young}'",
)
WRONG: Final = """
-- name: f()
-- Items.
-- @type id: PACKAGE.kinds:Name
select items.id from items;
"""


def test_a_stored_value_that_is_none_of_them_is_an_error_without_the_value(
    project: Project, connection: psycopg.Connection[Any]
) -> None:
    items, kinds = project.module("queries.items"), project.module("kinds")
    tea, _ = rows_of(kinds, project.module("records").Item)
    items.save_all(connection, [tea])
    for change in CHANGES:
        with connection.transaction(force_rollback=True):
            connection.execute(change.encode())
            with pytest.raises(BrokenPromiseError) as broken:
                items.list_all(connection)
        assert str(broken.value) == (
            f"items.list_all: {change.split()[3]} is not of the type that its "
            "@type declares"
        )
        assert broken.value.__cause__ is None


def test_a_wrong_type_is_refused_with_its_line(
    tmp_path: Path, blank_conninfo: str
) -> None:
    project = made(tmp_path, blank_conninfo, WRONG)
    with pytest.raises(GenerationError) as refused:
        project.render()
    assert str(refused.value).startswith(
        f"queries/items.sql:4:1: @type id: {project.package}.kinds:Name is made of "
        "str, and the value is int; declare a NewType"
    )


def one(module: str, name: str) -> PythonType:
    return PythonType(parts=one_of(module, name))


REFUSALS: Final = {
    ("kinds", "Name"): (PythonType(parts=JSON_VALUE), None),
    ("kinds", "Status"): (
        one("builtins", "int"),
        "is made of str, and the value is",
    ),
    ("kinds", "Settings"): (
        one("builtins", "str"),
        "is made of dict, and the value is",
    ),
    ("kinds", "Half"): (
        PythonType(parts=(Literals(values=("gone", "new")),)),
        "does not have the value 'new'; add it",
    ),
    ("kinds", "ItemId"): (
        PythonType(parts=one_of("ipaddress", "IPv4Address", "IPv6Address")),
        "is made of int, and the value is no single",
    ),
    ("kinds", "Gone"): (one("builtins", "int"), "cannot be imported: AttributeError"),
    ("nowhere.at", "A"): (one("builtins", "int"), "cannot be imported: ModuleNotFound"),
    ("kinds", "Point"): (one("builtins", "int"), "is no type that a loaded value can"),
}


def test_a_type_that_no_value_can_become_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kinds.py").write_text(f"{KINDS}\nprint('loud')\n")
    names = {name: PythonName(module=name[0], name=name[1]) for name in REFUSALS}
    declared = look_up(names.values(), tmp_path)
    for name, (found, message) in REFUSALS.items():
        if message is None:
            assert declared[names[name]].of(found).is_read_as
        else:
            with pytest.raises(UnfitTypeError, match=re.escape(message)):
                declared[names[name]].of(found)
