"""Generated modules: formatted, strictly typed, and executed on a real server."""

import ast
import asyncio
import inspect
import itertools
import typing
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

import psycopg
import pytest

from authority_queries.codegen.errors import GenerationError
from authority_queries.errors import InvalidArgumentError
from tests.codegen.projects import Project

pytestmark = pytest.mark.one_version

SCHEMA = """
create schema shop;
create type shop.mood as enum ('sad', 'happy');
create table shop.items (
    id int primary key,
    name text not null,
    status text not null check (status in ('on_sale', 'gone')),
    price numeric not null,
    date date,
    mood shop.mood,
    moods shop.mood[] not null default '{}',
    key_hash bytea,
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object')
);
"""
ITEMS = """\
-- name: get(id)^
-- The item with this id, or no row. It's "100%" \\ of it.
-- @row Item
select
    items.id, items.name, items.status, items.price, items.date, items.mood,
    items.moods, items.key_hash, items.settings
from shop.items
where items.id = :id;

-- name: list_all(status, after)
-- One item, by id, after the given one.
-- @param after -- where the last page ended
select
    items.id, items.name, items.status, items.price, items.date, items.mood,
    items.moods, items.key_hash, items.settings
from shop.items
where
    items.status = any(:status::text[])
    and (:after::int4 is null or items.id > :after)
order by items.id;

-- name: add(id, name, status, price, date, mood, settings)<!
-- The new item's id.
insert into shop.items (id, name, status, price, date, mood, settings)
values (:id, :name, :status, :price, :date, :mood, :settings)
returning items.id, 'added' as outcome;

-- name: count_all()$
-- How many there are.
select count(*) as how_many from shop.items;

-- name: name_of(id)$
-- Its name, or nothing.
select items.name from shop.items where items.id = :id;

-- name: remove(id)!
-- Removes it.
delete from shop.items where items.id = :id;

-- name: rename_many(id, name)*!
-- Renames.
-- @row Renaming
update shop.items set name = :name where items.id = :id;

-- name: load()!
-- Adds in bulk.
-- @copy
-- @row Loaded
copy shop.items (id, name, status, price, settings) from stdin;

-- name: first_dates()^
-- Of the first item.
select items.date, items.date as until from shop.items order by items.id limit 1;

-- name: clear()#
-- Removes all.
delete from shop.items;
"""
CALLER = '''
"""Uses everything that is generated."""
from decimal import Decimal

from psycopg import AsyncConnection, Connection

from {package}.queries import items
from {package}.records import Item, ItemStatus, Loaded, Renaming


def use(connection: Connection[tuple[int]]) -> list[Item]:
    status: ItemStatus = "gone"
    added = items.add(
        connection,
        id=1,
        name="x",
        status=status,
        price=Decimal(1),
        date=None,
        mood="sad",
        settings={{"a": [1, None]}},
    )
    total: int = added.id + items.count_all(connection)
    items.rename_many(connection, [Renaming(1, "y")])
    items.load(connection, (Loaded(2, "z", "gone", Decimal(total), {{}}),))
    items.clear(connection)
    found: Item | None = items.get(connection, id=1)
    with items.list_all_stream(connection, status=["gone"], after=None) as stream:
        names: list[str] = [item.name for item in stream]
    return [] if found is None or not names else [found]


async def use_async(connection: AsyncConnection[object]) -> list[Item]:
    name: str | None = await items.name_of_async(connection, id=1)
    async with items.list_all_stream_async(
        connection, size=10, status=[name or ""], after=1
    ) as stream:
        return [item async for item in stream]
'''
WRONG = '''
"""Uses things as they are not."""
from psycopg import Connection

from {package}.queries import items


def use(connection: Connection[object]) -> None:
    items.get(connection, id=None)
    items.get(connection, id="1")
    items.list_all(connection, status=None, after=None)
    len(items.name_of(connection, id=1))
    items.get(connection, id=1).name
'''


@pytest.fixture
def project(tmp_path: Path, blank_conninfo: str) -> Project:
    return Project.make(tmp_path, blank_conninfo, SCHEMA, {"items": ITEMS})


@pytest.fixture
def connection(blank_conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        yield connection


def test_the_generated_modules_pass_the_strict_checker_and_type_their_callers(
    project: Project,
) -> None:
    project.generate()
    for name, text in (("caller", CALLER), ("wrong", WRONG)):
        path = project.folder / f"{name}.py"
        path.write_text(text.format(package=project.package))
    checked = project.mypy("caller.py")
    assert "Success" in checked, checked
    wrong = project.mypy("wrong.py")
    lines = [line for line in wrong.splitlines() if line.startswith("wrong.py")]
    assert [line.rpartition("[")[2] for line in lines] == [
        "arg-type]",
        "arg-type]",
        "arg-type]",
        "arg-type]",
        "union-attr]",
    ], wrong


def test_the_generated_modules_are_formatted_with_sorted_imports(
    project: Project,
) -> None:
    project.generate()
    assert "already formatted" in project.ruff("format", "--check")
    rules = project.ruff("check", "--select", "I,F,E,D300,D301,UP", "--line-length=88")
    assert "All checks passed" in rules, rules


def add(items: Any, connection: psycopg.Connection[Any], **others: object) -> Any:
    values = {
        "id": 1,
        "name": "Tea",
        "status": "on_sale",
        "price": Decimal("1.50"),
        "date": None,
        "mood": "happy",
        "settings": {"a": None},
    }
    return items.add(connection, **(values | others))


def test_the_functions_of_each_kind_execute_their_query(
    project: Project, connection: psycopg.Connection[Any]
) -> None:
    items = project.generate().module("queries.items")
    records = project.module("records")
    assert items.get(connection, id=1) is None
    assert add(items, connection).outcome == "added"
    item = items.get(connection, id=1)
    assert item == records.Item(
        1, "Tea", "on_sale", Decimal("1.50"), None, "happy", [], None, {"a": None}
    )
    loaded = records.Loaded(2, "Mug", "gone", Decimal(4), {"b": 2})
    assert items.load(connection, [loaded]) == 1
    assert items.count_all(connection) == 2
    renamings = (records.Renaming(number, f"N{number}") for number in (1, 2))
    assert items.rename_many(connection, renamings) == 2
    assert items.name_of(connection, id=2) == "N2"
    assert items.name_of(connection, id=3) is None
    both = items.list_all(connection, status=["gone", "on_sale"], after=None)
    assert [item.id for item in both] == [1, 2]
    assert items.list_all(connection, status=[], after=None) == []
    with items.list_all_stream(
        connection, size=1, status=["gone", "on_sale"], after=None
    ) as stream:
        assert list(stream) == both
    assert items.remove(connection, id=1) == 1
    items.clear(connection)
    assert items.count_all(connection) == 0


def test_the_asynchronous_functions_execute_their_query(
    project: Project, blank_conninfo: str
) -> None:
    items = project.generate().module("queries.items")
    records = project.module("records")

    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(blank_conninfo) as connection:
            loaded = records.Loaded(2, "Mug", "gone", Decimal(4), {})
            assert await items.load_async(connection, [loaded]) == 1
            renaming = records.Renaming(2, "Cup")
            assert await items.rename_many_async(connection, [renaming]) == 1
            assert (await items.get_async(connection, id=2)).name == "Cup"
            assert await items.count_all_async(connection) == 1
            async with items.list_all_stream_async(
                connection, status=["gone"], after=None
            ) as stream:
                assert [item.name async for item in stream] == ["Cup"]
            await items.clear_async(connection)
            assert (
                await items.list_all_async(connection, status=["gone"], after=1) == []
            )

    asyncio.run(use())


def test_arguments_are_checked_before_anything_is_sent(
    project: Project, connection: psycopg.Connection[Any]
) -> None:
    items = project.generate().module("queries.items")
    with pytest.raises(InvalidArgumentError, match=r"^id must be within the range"):
        items.get(connection, id=2**31)
    with pytest.raises(
        InvalidArgumentError, match=r"^status must be a sequence, not str"
    ):
        items.list_all(connection, status="gone", after=None)


def test_literals_are_named_after_their_column_type_or_record(project: Project) -> None:
    records = project.generate().module("records")
    assert records.ItemStatus == Literal["gone", "on_sale"]
    assert records.Mood == Literal["sad", "happy"]
    assert records.ItemsAddRowOutcome == Literal["added"]


def test_a_repr_does_not_contain_secret_fields(project: Project) -> None:
    records = project.generate().module("records")
    item = records.Item(1, "Tea", "gone", Decimal(1), None, None, [], b"secret", {})
    assert "secret" not in repr(item)
    assert "key_hash" not in repr(item)


def test_a_column_may_be_named_like_a_type(project: Project) -> None:
    records = project.generate().module("records")
    assert records.Item.__annotations__["date"] == date | None


def test_a_docstring_has_the_comment_and_the_place_of_the_query(
    project: Project,
) -> None:
    items = project.generate().module("queries.items")
    assert items.get.__doc__.splitlines()[0] == (
        'The item with this id, or no row. It\'s "100%" \\ of it.'
    )
    documented = items.list_all.__doc__
    assert "\n    Args:\n        after: where the last page ended\n" in documented
    assert documented.rstrip().endswith("queries/items.sql:10")
    assert items.list_all_async.__doc__ == documented
    assert "A server-side cursor" in items.list_all_stream.__doc__


COMMENTED: Final = """
create type place as (city text, street text);
comment on column place.city is 'Where it is. Ends with \\';
create table shops (id int primary key, name text not null, place place);
comment on column shops.name is 'What people call it. Any language.';
comment on column shops.place is 'Where its door is.';
create view doors as
select name as label, place, upper(name) as sign, upper(name) as plain from shops;
comment on column doors.sign is 'The text on the door.';
"""
DOORS: Final = """
-- name: find(name, place)
-- The doors.
-- @row Door
with named as (
    select doors.label, doors.place, doors.sign, doors.plain from doors
    where doors.label = :name
)
select named.label, named.place, named.sign, named.plain from named
where named.place = :place::place;

-- name: rename(name, new_name, id)^
-- The renamed door.
-- @param id -- its number
-- @row Shop
update shops set name = :new_name where id = :id and name = :name
returning shops.id, shops.name;
"""


def meanings(module: ModuleType, name: str) -> dict[str, str]:
    """The docstrings under the fields of a class."""
    (found,) = ast.parse(inspect.getsource(getattr(module, name))).body
    assert isinstance(found, ast.ClassDef)
    return {
        line.target.id: " ".join(str(text.value.value).split())
        for line, text in itertools.pairwise(found.body)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def test_fields_and_parameters_have_the_comments_of_their_columns(
    tmp_path: Path, blank_conninfo: str
) -> None:
    queries = {"doors": DOORS}
    project = Project.make(tmp_path, blank_conninfo, COMMENTED, queries).generate()
    records = project.module("records")
    assert meanings(records, "Door") == {
        "label": "What people call it. Any language.",
        "place": "Where its door is.",
        "sign": "The text on the door.",
    }
    assert meanings(records, "Shop") == {"name": "What people call it. Any language."}
    assert meanings(records, "Place") == {"city": "Where it is. Ends with \\"}
    doors = project.module("queries.doors")
    assert inspect.getdoc(doors.rename_async) == (
        "The renamed door.\n\nArgs:\n    name: What people call it.\n"
        "    new_name: What people call it.\n    id: its number\n\n"
        "queries/doors.sql:12"
    )
    assert "place: Where its door is." in doors.find.__doc__


def test_only_reading_queries_of_many_rows_stream(project: Project) -> None:
    items = project.generate().module("queries.items")
    assert [name for name in vars(items) if name.endswith("_stream")] == [
        "_list_all_stream",
        "list_all_stream",
    ]


def refuse(tmp_path: Path, server: str, **queries: str) -> str:
    project = Project.make(tmp_path, server, SCHEMA, queries)
    with pytest.raises(GenerationError) as caught:
        project.render()
    return str(caught.value)


def test_one_name_for_two_shapes_is_refused(
    tmp_path: Path, blank_conninfo: str
) -> None:
    message = refuse(
        tmp_path,
        blank_conninfo,
        a="-- name: f()\n-- Some.\n-- @row Item\n"
        "select items.id, items.name from shop.items;\n",
        b="-- name: g()\n-- Some.\n-- @row Item\n"
        "select items.id, items.mood as name from shop.items;\n",
    )
    assert message.startswith(
        "queries/b.sql:3:1: @row Item differs from the one in queries/a.sql:1 f: "
        "column name is of another type"
    )


def test_two_names_for_one_shape_are_two_records(
    tmp_path: Path, blank_conninfo: str
) -> None:
    text = "".join(
        f"-- name: {head}\nselect items.id from shop.items;\n"
        for head in ("f()\n-- A.", "g()\n-- A.\n-- @row One", "h()\n-- A.\n-- @row Two")
    )
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, {"a": text}).generate()
    records, module = project.module("records"), project.module("queries.a")
    for function, record in ((module.f, records.One), (module.h, records.Two)):
        (item,) = typing.get_args(typing.get_type_hints(function)["return"])
        assert item is record


def test_a_record_and_a_type_of_the_same_name_are_refused(
    tmp_path: Path, blank_conninfo: str
) -> None:
    message = refuse(
        tmp_path,
        blank_conninfo,
        a="-- name: f()\n-- Some.\n-- @row Mood\nselect items.mood from shop.items;\n",
    )
    assert "records.py would have two things named Mood" in message


def test_a_parameter_named_like_the_streams_is_refused(
    tmp_path: Path, blank_conninfo: str
) -> None:
    message = refuse(
        tmp_path,
        blank_conninfo,
        a="-- name: f(size)\n-- Some.\nselect items.id from shop.items limit :size;\n",
    )
    assert message.startswith(
        "queries/a.sql:3:39: size is the streaming function's own"
    )


def test_the_same_label_names_in_two_schemas_get_the_schema_s_name(
    tmp_path: Path, blank_conninfo: str
) -> None:
    project = Project.make(
        tmp_path,
        blank_conninfo,
        SCHEMA + "create schema zoo; create type zoo.mood as enum ('wild');",
        {
            "a": "-- name: f()^\n-- One.\n"
            "select 'sad'::shop.mood as one, 'wild'::zoo.mood as other;\n"
        },
    )
    records = project.generate().module("records")
    assert records.ZooMood == Literal["wild"]
    assert records.ShopMood == Literal["sad", "happy"]


def test_a_second_generation_returns_the_same_text(project: Project) -> None:
    assert project.render() == project.render()
