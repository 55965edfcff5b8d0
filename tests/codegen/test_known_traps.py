"""Columns that other tools take for NOT NULL: each is null, and is described so."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from authority_queries.codegen.analysis.analyst import Analyst


@dataclass(frozen=True, kw_only=True)
class Trap:
    """`sql` returns a null in its only column."""

    name: str
    schema: str = "select 1"
    sql: str
    since: int = 15
    until: int = 99


TRAPS = [
    Trap(
        name="a NOT NULL that was not validated",
        schema="""
            create table t (x int);
            insert into t values (null);
            alter table t add constraint x_not_null not null x not valid
        """,
        sql="select x from t",
        since=18,
    ),
    Trap(
        name="a NOT NULL that children do not inherit",
        schema="""
            create table t (x int);
            alter table t add constraint x_not_null not null x no inherit;
            create table child () inherits (t);
            insert into child values (null)
        """,
        sql="select x from t",
        since=18,
    ),
    Trap(
        name="a child that dropped its parent's NOT NULL",
        schema="""
            create table t (x int not null);
            create table child () inherits (t);
            alter table child alter column x drop not null;
            insert into child values (null)
        """,
        sql="select x from t",
        until=17,
    ),
    Trap(
        name="a grandchild that dropped its NOT NULL",
        schema="""
            create table t (x int not null);
            create table child () inherits (t);
            create table grandchild () inherits (child);
            alter table grandchild alter column x drop not null;
            insert into grandchild values (null)
        """,
        sql="select x from t",
        until=17,
    ),
    Trap(
        name="a NOT NULL domain through an empty scalar subquery",
        schema="create domain sure as int not null; create table t (x sure)",
        sql="select (select x from t) as x",
    ),
    Trap(
        name="a NOT NULL domain's column that took the null of an empty subquery",
        schema="""
            create domain sure as int not null;
            create table t (x sure);
            insert into t values ((select x from t))
        """,
        sql="select x from t",
    ),
    Trap(
        name="extract of infinity",
        sql="select extract(hour from timestamptz 'infinity') as x",
    ),
    Trap(name="the time of infinity", sql="select (timestamp 'infinity')::time as x"),
    Trap(
        name="infinity as a text", sql="select to_char(timestamp 'infinity', 'D') as x"
    ),
    Trap(
        name="a JSON null, cast",
        sql="select ('null'::jsonb)::int as x",
        since=18,
    ),
    Trap(name="a JSON null, as text", sql="""select '{"a": null}'::jsonb ->> 'a'"""),
    Trap(
        name="either side of a FULL JOIN",
        schema="create table t (x int primary key); insert into t values (1)",
        sql="select t.x from t full join (values (2)) as v (y) on t.x = v.y",
    ),
    Trap(
        name="an aggregate over no rows",
        schema="create table t (x int not null)",
        sql="select max(x) as x from t",
    ),
    Trap(
        name="an aggregate whose filter lets nothing through",
        schema="create table t (x int not null); insert into t values (1)",
        sql="select sum(x) filter (where x > 1) as x from t group by x",
    ),
    Trap(
        name="a key that a grouping set leaves out",
        schema="create table t (x int primary key); insert into t values (1)",
        sql="select x from t group by rollup (x)",
    ),
    Trap(
        name="the empty grouping set, of no rows",
        schema="create table t (x int primary key)",
        sql="select sum(x) as x from t group by grouping sets ((x), ())",
    ),
    Trap(
        name="NOT IN an empty list proves nothing about the value",
        schema="create table t (x int); insert into t values (null)",
        sql="select x from t where x not in (select 1 where false)",
    ),
    Trap(
        name="ALL of an empty array proves nothing about the value",
        schema="create table t (x int); insert into t values (null)",
        sql="select x from t where x <> all ('{}'::int[])",
    ),
    Trap(
        name="UPDATE writes another value than it tested",
        schema="create table t (x int); insert into t values (1)",
        sql="update t set x = null where x is not null returning x",
    ),
    Trap(
        name="a trigger rewrites what was inserted",
        schema="""
            create table t (x int);
            create function erase() returns trigger language plpgsql as
            'begin new.x := null; return new; end';
            create trigger erase before insert on t
            for each row execute function erase()
        """,
        sql="insert into t values (1) returning x",
    ),
    Trap(
        name="a frame without its row",
        schema="create table t (x int not null); insert into t values (1)",
        sql="""
            select first_value(x) over (
                order by x rows between 2 preceding and 1 preceding
            ) from t
        """,
    ),
    Trap(
        name="the row before the first",
        schema="create table t (x int not null); insert into t values (1)",
        sql="select lag(x) over (order by x) from t",
    ),
    Trap(
        name="a strict function that returns null for other values",
        schema="""
            create function f(int) returns int strict language sql as 'select null::int'
        """,
        sql="select f(1) as x",
    ),
    Trap(
        name="a function of the user's with the name of a good one",
        schema="""
            create function lower(int) returns int language sql as 'select null::int'
        """,
        sql="select lower(1) as x",
    ),
    Trap(name="the bound of a range", sql="select lower(int4range(null, 2)) as x"),
    Trap(name="the length of no array", sql="select array_length('{}'::int[], 1)"),
    Trap(name="a VARIADIC null", sql="select concat(variadic null::text[]) as x"),
    Trap(name="CASE without ELSE", sql="select case when 1 > 2 then 3 end as x"),
    Trap(
        name="a check that passes because it comes to null",
        schema="""
            create table t (x int, y int, check (x > 0 and (y > 0 or x is not null)));
            insert into t values (null, 1)
        """,
        sql="select x from t",
    ),
    Trap(
        name="a check that was not validated",
        schema="""
            create table t (x int);
            insert into t values (null);
            alter table t add check (x is not null) not valid
        """,
        sql="select x from t",
    ),
    Trap(
        name="a check that is not enforced",
        schema="""
            create table t (x int check (x is not null) not enforced);
            insert into t values (null)
        """,
        sql="select x from t",
        since=18,
    ),
    Trap(
        name="a column of a recursive query that turns null later on",
        sql="""
            with recursive r (n, x) as (
                select 1, 1 union all select n + 1, nullif(x, 1) from r where n < 2
            )
            select x from r where n = 2
        """,
    ),
    Trap(
        name="a set-returning function beside a longer one",
        sql="select generate_series(1, 1), generate_series(1, 2)",
    ),
    Trap(
        name="the source of a MERGE that only the target had",
        schema="create table t (x int primary key); insert into t values (1)",
        sql="""
            merge into t using (values (2)) as v (y) on t.x = v.y
            when not matched by source then delete
            returning v.y
        """,
        since=17,
    ),
    Trap(
        name="the source of a MERGE, though its own join excludes nulls",
        schema="""
            create table t (x int primary key);
            create table v (y int);
            create table w (z int);
            insert into t values (1)
        """,
        sql="""
            merge into t using v join w on y = z on t.x = v.y
            when not matched by source then delete
            returning w.z
        """,
        since=17,
    ),
    Trap(
        name="a constant that a grouping set leaves out, and HAVING sees",
        schema="create table t (x int primary key); insert into t values (1)",
        sql="""
            select 'a'::text as x from t group by rollup ('a'::text)
            having 'a'::text is not null
        """,
        since=18,
    ),
    Trap(
        name="ALL of an empty array of arrays proves nothing about the value",
        schema="create table t (x int); insert into t values (null)",
        sql="select x from t where x <> all (array['{}'::int[]])",
    ),
    Trap(
        name="a row of one column, in FROM",
        schema="create type one as (x int)",
        sql="select x from cast(row(null) as one)",
    ),
    Trap(
        name="an array of rows of one column, taken apart",
        schema="create type one as (x int)",
        sql="select x from unnest(array[row(null)::one])",
    ),
    Trap(
        name="IS DISTINCT FROM by an operator of the user's",
        schema="""
            create function f(int, text) returns bool language sql as
            'select null::bool';
            create operator = (leftarg = int, rightarg = text, function = f)
        """,
        sql="select 1 is distinct from 'a'::text as x",
    ),
    Trap(
        name="an aggregate of the user's with the name of a window function",
        schema="""
            create function f(int, int) returns int language sql as 'select null::int';
            create aggregate public.first_value(int) (sfunc = f, stype = int)
        """,
        sql="select public.first_value(1) over () as x",
    ),
    Trap(
        name="an aggregate of the user's named count, of a query further out",
        schema="""
            create function f(int, int) returns int language sql as 'select null::int';
            create aggregate public.count(int) (sfunc = f, stype = int)
        """,
        sql="select (select public.count(v.y)) from (values (1)) as v (y)",
    ),
    Trap(
        name="a key that a grouping set leaves out, in a query inside",
        schema="create table t (x int, y int); insert into t values (1, 1)",
        sql="""
            select (select t.x) from t where x > 0 group by grouping sets ((x), (y))
        """,
    ),
    Trap(
        name="the old row of an insert",
        schema="create table t (x int not null)",
        sql="insert into t values (1) returning old.x",
        since=18,
    ),
]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_nullable_column_is_described_as_nullable(
    trap: Trap, blank_conninfo: str
) -> None:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        version = connection.info.server_version // 10_000
        if not trap.since <= version <= trap.until:
            # The server does not know the syntax, or no longer allows it.
            pytest.skip(f"PostgreSQL {version} has no such trap")
        connection.execute(trap.schema.encode())
        description = Analyst(connection).describe(trap.sql)
        rows = connection.execute(trap.sql.encode()).fetchall()
    assert None in {value for row in rows for value in row}
    assert any(column.fact.nullable for column in description.columns)


SCHEMA = """
    create table a (id int primary key, b_id int not null, note text);
    create table b (id int primary key, name text not null, note text);
    create table t (x int, twice int generated always as (nullif(x, 1) * 2) stored);
    create domain sure as text not null;
    create table d (x sure);
    create view ab as select a.id, a.note, b.name from a left join b on b.id = a.b_id;
"""
# The analysis must prove that a column n… is not null, and not claim it of y….
PROVEN = [
    "select id as n, note as y from a",
    "select a.id as n, b.name as y from a left join b on a.b_id = b.id",
    "select a.id as y, b.name as n from a right join b on a.b_id = b.id",
    "select b.name as n, b.note as y from a left join b on true where b.id > 1",
    "select b.note as n from a left join b on true where b.note like 'x%'",
    "select id as n, name as y, note as y2 from ab",
    "select name as n from ab where name <> ''",
    "select id as n from a full join b using (id)",
    "select coalesce(a.note, b.name) as n from a join b on true",
    "select case when note is null then '' else note end as n from a",
    "select case when note is not null then note else '' end as n from a",
    "select case note when 'x' then note else 'y' end as n from a",
    "select case when note is null or note = '' then '' else note end as n from a",
    "select note as n from a where note = any (array['x'])",
    "select note as n from a where note in (select name from b)",
    "select note as n from a where (note, id) = ('x', 1)",
    "select note as n from a where not (note is null)",
    "select note as n from a where (note = 'x') is true",
    "select note as n from a where note is not distinct from 'x'",
    "select note as n from a where note is null is false",
    "select note as y from a where note = 'x' or id = 1",
    "select note as n from a where note = 'x' or lower(note) = 'y'",
    "select note ->> 'k' as n from (select note::jsonb from a) as s"
    " where note ->> 'k' is not null",
    "select count(*) as n, max(id) as y from a",
    "select b_id as n, max(id) as n2, max(note) as y from a group by b_id",
    "select note as n from a group by note having note > ''",
    "select max(note) as n from a where note > '' group by b_id",
    "select b_id as y, grouping(b_id) as n from a group by cube (b_id)",
    "select id as n, b_id as y from a group by id, rollup (b_id)",
    "select id as n from a union select id from b",
    "select id as y from a union select null",
    "select note as n from a intersect select name from b",
    "select name as n from b except select note from a",
    "with c as (select id, note from a) select id as n, note as y from c",
    "with recursive r (i) as (select 1 union all select i + 1 from r where i < 5)"
    " select i as n from r",
    "select (select max(id) from a) as y, (select count(*) from a) as n",
    "select array(select id from a) as n, exists (select 1 from a) as n2",
    "select l.x as n from a, lateral (select a.id as x) as l",
    "select l.x as y from a left join lateral (select a.id as x where a.id > 1) as l"
    " on true",
    "select row_number() over () as n, lead(id, 1, 0) over (order by id) as n2 from a",
    "select sum(id) over (order by id) as n, sum(id) filter (where id > 1) over () as y"
    " from a",
    "select g as n from generate_series(1, 3) as g",
    "select u as n, o as n2 from unnest(array['a', 'b']) with ordinality as t (u, o)",
    "select u as y from unnest(array['a', null]) as u",
    "select x as n, y as y from (values (1, 'a'), (2, null)) as v (x, y)",
    "insert into a values (1, 2) returning id as n, note as y",
    "update a set note = 'x' from b where a.b_id = b.id and b.note > ''"
    " returning a.id as n, a.note as n3, b.note as n2",
    "delete from a where note > '' returning note as n",
    "update a set note = 'x' returning note as n, b_id as n2",
    "update a set note = null where note > '' returning note as y",
    "update a set note = note || note, b_id = b_id + 1 returning note as y, b_id as n",
    "update a set b_id = 2 where note > '' returning note as n",
    "update t set x = 1 where x > 0 and twice > 0 returning x as n, twice as y",
    "insert into a values (1, 2, 'x') returning note as n",
    "insert into a (id, b_id) values (1, 2) returning note as y",
    "insert into a select 1, 2, name from b returning note as n",
    "insert into a values (1, 2) on conflict (id) do update set note = null"
    " returning id as n, note as y",
    "with gone as (delete from a returning id, note)"
    " select id as n, note as y from gone",
    "select now() as n, current_user as n2, current_schema() as y",
    "select id || note as y, id::text || '!' as n, lower(name) as n2"
    " from a join b using (id, note)",
    "select a is null as n, a as n2 from a",
    "select (a).id as n, (a).note as y from a",
    "select a.ctid as n, b.ctid as y from a left join b on true",
    "select id as n from a tablesample system (50) order by id limit 1 for update",
]


@pytest.fixture
def analyst(blank_conninfo: str) -> Iterator[Analyst]:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        yield Analyst(connection)


@pytest.mark.parametrize("sql", PROVEN)
def test_a_column_that_is_never_null_is_proven(sql: str, analyst: Analyst) -> None:
    columns = analyst.describe(sql).columns
    assert {column.name: column.fact.nullable for column in columns} == {
        column.name: column.name.startswith("y") for column in columns
    }


ELEMENTS = [
    "select array_agg(v.y) as x from (values (array[null::int])) as v (y)",
    "select array(select array[null::int]) as x",
    "select array(select v.y from (values (1)) as w (z) group by rollup (v.y)) as x"
    " from (values (1)) as v (y)",
]


@pytest.mark.parametrize("sql", ELEMENTS)
def test_an_array_that_can_contain_nulls_is_described_so(
    sql: str, analyst: Analyst
) -> None:
    (column,) = analyst.describe(sql).columns
    assert column.fact.elements_nullable


@pytest.mark.parametrize(
    ("check", "stored"),
    [("x::bpchar = 'a'", "a  "), ("x::date = '2020-01-01'", "20200101")],
)
def test_equality_of_another_type_proves_no_texts(
    check: str, stored: str, blank_conninfo: str
) -> None:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        connection.execute(f"create table t (x text check ({check}))".encode())
        connection.execute("insert into t values (%s)", [stored])
        (column,) = Analyst(connection).describe("select x from t").columns
    assert column.fact.values is None


def test_a_check_does_not_hold_for_foreign_children(blank_conninfo: str) -> None:
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        connection.execute("create table t (x text check (x = 'a'))")
        connection.execute("create foreign data wrapper far")
        connection.execute("create server far foreign data wrapper far")
        analyst = Analyst(connection)
        (before,) = analyst.describe("select x from t").columns
        connection.execute("create foreign table c () inherits (t) server far")
        (after,) = Analyst(connection).describe("select x from t").columns
    assert before.fact.values == frozenset({"a"})
    assert after.fact.values is None


ALWAYS = [
    ("select 1", True),
    ("select max(id) from a", True),
    ("select 1 from a", False),
    ("select 1 where false", False),
    ("values (1), (2)", True),
    ("select 1 limit 0", False),
    ("select 1 limit 1", True),
    ("select 1 limit 0.4", False),
    ("select 1 limit mod(5000000000, 5000000000)", False),
    ("select 1 limit txid_current()", False),
    ("select 1 offset 1", False),
    ("select max(id) from a having max(id) > 1", False),
    ("select max(id) from a group by note", False),
    ("select count(*) from a group by rollup (note)", True),
    ("select id from a union select 1", True),
    ("select 1 intersect select 2", False),
    ("select x from (values (1)) as v (x) left join a on true", True),
    ("select x from (values (1)) as v (x) join a on true", False),
    ("insert into a values (1, 1) returning id", True),
    ("insert into a values (1, 1) on conflict do nothing returning id", False),
    ("insert into a select id, 1 from b returning id", False),
    ("update a set note = 'x' returning id", False),
    ("with c as (insert into a values (1, 1) returning id) select id from c", True),
    ("with c as (delete from a returning id) select id from c", False),
    ("with recursive r as (select 1 union select 1 from r) select 1 from r", False),
    ("select generate_series(1, 0)", False),
]


@pytest.mark.parametrize(("sql", "expected"), ALWAYS)
def test_the_analysis_proves_whether_a_query_always_returns_a_row(
    sql: str, *, expected: bool, analyst: Analyst
) -> None:
    assert analyst.describe(sql).always_a_row is expected


# Queries with one parameter, and whether it may be null.
PARAMETERS = [
    ("select 1 from a where id = $1", False),
    ("select 1 from a where lower($1) = note", False),
    ("select 1 from a where note = any ($1)", False),
    ("select 1 from a limit $1", False),
    ("select 1 from a where $1::int is null or id = $1", True),
    ("select 1 from a where note is not distinct from $1", True),
    ("select 1 from a where note = coalesce($1, note)", True),
    ("select greatest($1, 1)", True),
    ("select concat($1::text)", True),
    ("select coalesce($1, note) from a group by 1", True),
    ("insert into a select coalesce($1, id), 1 from b group by 1", True),
    ("select $1::int", True),
    ("insert into a values ($1, 1)", False),
    ("insert into a values (1, 1, $1)", True),
    ("insert into d values ($1)", False),
    ("insert into a values (1, 1, lower($1))", False),
    ("insert into a (id, b_id) values (1, 1), ($1, 2)", False),
    ("insert into a select $1, id from b", False),
    ("insert into a select id, id, $1 from b", True),
    (
        "with v as (select $1::text as note) insert into a select 1, 1, note from v",
        True,
    ),
    ("with v as (select $1::int as id) insert into a select id, id from v", False),
    ("update a set note = $1", True),
    ("update a set b_id = $1", False),
    ("update a set b_id = case when note > '' then $1 else 1 end", False),
    ("insert into a values (1, 1) on conflict (id) do update set note = $1", True),
    ("with d as (delete from a where id = $1) select 1", False),
]


@pytest.mark.parametrize(("sql", "expected"), PARAMETERS)
def test_the_analysis_proves_whether_a_parameter_may_be_null(
    sql: str, *, expected: bool, analyst: Analyst
) -> None:
    (parameter,) = analyst.describe(sql).parameters
    assert parameter.fact.nullable is expected
