"""Objects that others plant in a database do not act as the migrating role."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import migrate
from authority_queries.cli import main
from authority_queries.errors import MigrationError
from authority_queries.resources import BOOKS, MIGRATIONS
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.schema.fresh_server import fresh_server
from tests.schema.plain_yoyo import run_yoyo, tables, yoyo

_numbers = count(1)
# A session that runs it makes mallory a superuser, if its role can.
_TAKE_OVER = """
create function public.take_over() returns trigger language plpgsql as $$
begin
    alter role mallory superuser;
    return coalesce(new, old);
exception when insufficient_privilege then
    return coalesce(new, old);
end
$$;
grant execute on function public.take_over() to public;
"""
_LOCK = """
create table {schema}.yoyo_lock (
    locked int default 1 primary key, ctime timestamp, pid int not null
);
create trigger take_over before insert or delete on {schema}.yoyo_lock
for each row execute function public.take_over();
grant all on {schema}.yoyo_lock to public;
"""
_ANSWER = """
create function public.{name}({arguments}) returns boolean language plpgsql as $$
begin
    alter role mallory superuser;
    return true;
exception when insufficient_privilege then
    return true;
end
$$;
"""
# Objects that a search_path with public or the login's own schema finds.
PLANTED = {
    "public.yoyo_lock": _LOCK.format(schema="public"),
    "the schema postgres": "create schema postgres; grant all on schema postgres "
    "to public;" + _LOCK.format(schema="postgres"),
    "public.has_database_privilege(name,text)": _ANSWER.format(
        name="has_database_privilege", arguments="name, text"
    ),
    "public.has_schema_privilege(name,text)": _ANSWER.format(
        name="has_schema_privilege", arguments="name, text"
    ),
    "public.=(oid,regnamespace)": _ANSWER.format(
        name="same", arguments="oid, regnamespace"
    )
    + "create operator public.= (leftarg = oid, rightarg = regnamespace, "
    "function = public.same);",
}
# Obstacles to a migration: what mallory does, what a DBA did, and the message.
IN_THE_WAY = {
    "the authority's schema": (
        "create schema authority",
        "",
        "the schema authority belongs to mallory",
    ),
    "the schema of yoyo's books": (
        "create schema authority_yoyo;" + _LOCK.format(schema="authority_yoyo"),
        "",
        "authority_yoyo.yoyo_lock belongs to mallory",
    ),
    "a shared schema": (
        "",
        "create schema authority_yoyo; grant create on schema authority_yoyo to public",
        "everybody may create in the schema authority_yoyo",
    ),
    "a table of the authority's": (
        "create table authority.tenants (id uuid)",
        "create schema authority; grant all on schema authority to mallory",
        "authority.tenants belongs to mallory; mallory may create in the schema",
    ),
    "a function beside yoyo's books": (
        "create function authority_yoyo.count(int) returns bigint return 1",
        "create schema authority_yoyo; grant all on schema authority_yoyo to mallory",
        "authority_yoyo.count(integer) belongs to mallory",
    ),
    "a trigger on yoyo's books": (
        "create trigger mine before insert on authority_yoyo.yoyo_lock "
        "for each row execute function public.take_over()",
        "create schema authority_yoyo; create table authority_yoyo.yoyo_lock (pid int);"
        "grant usage on schema authority_yoyo to mallory;"
        "grant trigger on authority_yoyo.yoyo_lock to mallory",
        "authority_yoyo.yoyo_lock has the trigger mine",
    ),
}


@dataclass(frozen=True)
class Victim:
    """A database in which mallory may create objects, as its superuser sees it."""

    conninfo: str
    dba: "psycopg.Connection[Any]"

    def plant(self, *statements: str, by: str = "mallory") -> None:
        with psycopg.connect(self.conninfo, user=by) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def is_taken(self) -> bool:
        found = self.dba.execute(
            "select rolsuper from pg_roles where rolname = 'mallory'"
        ).fetchone()
        return found == (True,)


@pytest.fixture(scope="module")
def _server() -> Iterator["psycopg.Connection[Any]"]:
    with (
        fresh_server() as (conninfo, _),
        psycopg.connect(conninfo, autocommit=True) as dba,
    ):
        dba.execute("create role mallory login")
        yield dba


@pytest.fixture
def victim(_server: "psycopg.Connection[Any]") -> Iterator[Victim]:
    name = f"victim_{next(_numbers)}"
    _server.execute(f"create database {name}".encode())
    _server.execute(f"grant create on database {name} to mallory".encode())
    victim = Victim(make_conninfo(_server.info.dsn, dbname=name), _server)
    victim.plant("grant create on schema public to public", by="postgres")
    victim.plant(_TAKE_OVER)
    yield victim
    _server.execute("alter role mallory nosuperuser")
    _server.execute(f"drop database {name} with (force)".encode())


@pytest.mark.one_version
def test_objects_on_another_search_path_are_not_found(
    victim: Victim, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    victim.plant(*PLANTED.values())
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(victim.conninfo))
    main(["doctor"])
    said = capsys.readouterr().out
    assert [name for name in PLANTED if f"{name} of mallory" not in said] == []
    assert not victim.is_taken()
    assert migrate(victim.conninfo) == packaged_migrations()
    assert not victim.is_taken()
    for command in (("rollback", "--all"), ("apply",)):
        yoyo(victim.conninfo, *command, "--batch")
        assert not victim.is_taken()
    assert main(["doctor"]) == 0
    assert not victim.is_taken()


@pytest.mark.parametrize("trap", IN_THE_WAY)
def test_an_obstacle_is_refused_and_named(
    trap: str,
    victim: Victim,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mallorys, dbas, named = IN_THE_WAY[trap]
    victim.plant(dbas, by="postgres")
    victim.plant(mallorys)
    before = tables(victim.conninfo)
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(victim.conninfo))
    assert main(["doctor"]) == 1
    assert named in capsys.readouterr().out
    with pytest.raises(MigrationError) as caught:
        migrate(victim.conninfo)
    assert named in str(caught.value)
    assert not victim.is_taken()
    assert tables(victim.conninfo) == before


def test_plain_yoyo_refuses_a_schema_in_which_others_may_create(
    victim: Victim,
) -> None:
    victim.plant("create schema authority_yoyo", by="postgres")
    victim.plant("grant create on schema authority_yoyo to public", by="postgres")
    done = run_yoyo(victim.conninfo, "apply", "--batch")
    assert done.returncode != 0
    assert "everybody may create in the schema authority_yoyo" in done.stderr
    assert tables(victim.conninfo) == []
    assert not victim.is_taken()


def test_the_first_migration_makes_the_same_checks_as_migrate() -> None:
    guard = (BOOKS / "guard.sql").read_text()
    block = guard[guard.index("do $$") :]
    assert block in (MIGRATIONS / f"{packaged_migrations()[0]}.sql").read_text()


def test_every_migration_searches_pg_catalog_alone() -> None:
    for path in MIGRATIONS.glob("*.sql"):
        statements = [
            line for line in path.read_text().splitlines() if line.startswith("set ")
        ]
        assert statements[0] == "set local search_path = pg_catalog;", path.name
