"""What is applied is written in one place, by whoever migrates and however."""

import re

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from authority_queries import migrate
from authority_queries.cli import main
from authority_queries.errors import MigrationError
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.schema.bare_server import Bare, as_login, name_of
from tests.schema.plain_yoyo import run_yoyo, tables, yoyo

BOOKS = """
select relnamespace::regnamespace::text from pg_class
where relname = '_yoyo_migration' order by 1
"""
# Settings of a second login, and what it adds to the URL of yoyo.
ELSEWHERE = {
    "the usual path": ("", None),
    "another schema in the URL": ("", "public"),
    "a path of the login": ("alter role {login} set search_path = mine", None),
    "a path of the login in the database": (
        "alter role {login} in database {database} set search_path = mine, public",
        None,
    ),
    "a path of the database": (
        "alter database {database} set search_path = mine",
        None,
    ),
}


@pytest.mark.one_version
def test_plain_yoyo_keeps_its_books_in_one_schema_only(bare: Bare) -> None:
    owner, second = bare.login("createrole"), bare.login()
    database = bare.database(owner)
    bare.execute("grant {} to {}", owner, second)
    with psycopg.connect(as_login(database, owner)) as connection:
        connection.execute("create schema authority_yoyo; create schema mine")
        connection.execute("grant create on schema public to public")
    bare.let_in(database, second)
    first = run_yoyo(as_login(database, owner), "apply", "--batch", schema=None)
    assert "add ?schema=authority_yoyo to its URL" in first.stderr
    assert tables(database) == []
    yoyo(as_login(database, owner), "apply", "--batch")
    with psycopg.connect(database, autocommit=True) as dba:
        names = {
            "login": sql.Identifier(second),
            "database": sql.Identifier(name_of(database)),
        }
        for where, (setting, schema) in ELSEWHERE.items():
            if setting:
                dba.execute(sql.SQL(setting).format(**names))
            done = run_yoyo(
                as_login(database, second), "apply", "--batch", schema=schema
            )
            assert done.returncode != 0, where
            assert "add ?schema=authority_yoyo to its URL" in done.stderr, where
            for (books,) in dba.execute(BOOKS).fetchall():
                query = sql.SQL("select count(*) from {}._yoyo_migration").format(
                    sql.Identifier(books)
                )
                applied = len(packaged_migrations()) if books == "authority_yoyo" else 0
                assert dba.execute(query).fetchone() == (applied,), where
    # With the schema in its URL it goes on where the first login has stopped.
    yoyo(
        as_login(database, second),
        "rollback",
        "--batch",
        "-r",
        packaged_migrations()[-1],
    )
    yoyo(as_login(database, second), "apply", "--batch")
    assert migrate(as_login(database, owner)) == []


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_another_encoding_is_refused_by_the_first_migration(
    encoding: str,
    bare: Bare,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = f"authority {encoding}"
    statement = "create database {} template template0 locale 'C' encoding "
    bare.execute(f"{statement} '{encoding}'", name)
    database = make_conninfo(bare.conninfo, dbname=name)
    with psycopg.connect(database) as connection:
        connection.execute("create schema authority_yoyo")
    # Without an encoding of the client, yoyo itself fails in an SQL_ASCII database.
    utf8 = make_conninfo(database, client_encoding="UTF8")
    done = run_yoyo(utf8, "apply", "--batch")
    assert done.returncode != 0
    assert f"the encoding of the database is {encoding}, not UTF8" in done.stderr
    with psycopg.connect(utf8) as connection:
        count = "select count(*) from authority_yoyo._yoyo_migration"
        assert connection.execute(count).fetchone() == (0,)
    assert bare.roles() == set()
    with pytest.raises(MigrationError, match=f"must be UTF8, not {encoding}"):
        migrate(database)
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(database))
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert re.search(rf"encoding +{encoding} +create the database with UTF8", said)


# Another software's objects, and the message.
OTHERS = {
    "create schema authority": "another schema named authority, which postgres owns",
    "create schema authority authorization pg_database_owner; "
    "create table authority.users (id int)": "another schema named authority",
    "create schema authority_yoyo; create table authority_yoyo.yoyo_lock (id int)": (
        "the table authority_yoyo.yoyo_lock is not a table of yoyo"
    ),
}


@pytest.mark.parametrize("others", OTHERS)
def test_another_softwares_schema_is_refused_and_stays(others: str, bare: Bare) -> None:
    database = bare.database()
    with psycopg.connect(database) as connection:
        connection.execute(others.encode())
    before = tables(database)
    with pytest.raises(MigrationError, match=OTHERS[others]):
        migrate(database)
    if "authority_yoyo" not in others:  # yoyo itself fails at its own tables
        done = run_yoyo(database, "apply", "--batch")
        assert OTHERS[others] in done.stderr
    assert tables(database) == before
