import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from weakref import ref

import psycopg
import pytest

from authority_queries.engine.runtime import QueryFile
from authority_queries.errors import StaleModuleError
from tests.package.forms import SyncForm, write

SCHEMA = """
create schema music;
create type music.mood as enum ('sad', 'don''t, "know"', 'happy');
create domain music.percent as int4 check (value between 0 and 100);
create type music.place as (city text, share music.percent, moods music.mood[]);
create table music.track (
    id int8 primary key,
    moods music.mood[],
    shares music.percent[],
    place music.place,
    places music.place[]
);
"""
SQL = """
-- name: create(id, moods, shares, place, places)<!
insert into music.track (id, moods, shares, place, places)
values (:id, :moods, :shares, :place, :places)
returning track.id, track.moods, track.shares, track.place, track.places;

-- name: list_all()
select track.id, track.moods, track.shares, track.place, track.places
from music.track order by track.id;

-- name: load()!
-- @copy
copy music.track (id, moods, place) from stdin;
"""


class Place(NamedTuple):
    city: str | None
    share: int | None
    moods: list[str] | None


@dataclass(frozen=True, slots=True)
class Track:
    id: int
    moods: list[str] | None
    shares: list[int] | None
    place: Place | None
    places: list[Place] | None


TYPES: dict[str, type | str | None] = {
    "music.mood": None,
    "music.percent": "int4",
    "music.place": Place,
}
HOME = Place('a "(town), \\', 7, ["sad"])
FULL = Track(1, ["sad", 'don\'t, "know"'], [0, 100], HOME, [HOME, Place(None, 1, [])])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path, SQL)


@pytest.fixture
def connection(form: SyncForm, blank_conninfo: str) -> Iterator[Any]:
    with form.connect(blank_conninfo) as connection:
        form.execute(connection, SCHEMA)
        yield connection


def create(file: Any, connection: Any, track: Track) -> object:
    return file.row("create", Track)(
        connection,
        id=track.id,
        moods=track.moods,
        shares=track.shares,
        place=track.place,
        places=track.places,
    )


def test_custom_types_are_sent_and_returned(
    form: SyncForm, path: Path, connection: Any
) -> None:
    file = form.load(path, TYPES)
    assert create(file, connection, FULL) == FULL
    empty = Track(2, [], None, None, [])
    assert create(file, connection, empty) == empty
    assert file.rows("list_all", Track)(connection) == [FULL, empty]
    assert file.copy("load")(connection, [(3, ["happy"], HOME)]) == 1
    with form.block(file.stream("list_all", Track)(connection, 2)) as tracks:
        streamed = list(tracks)
    assert streamed == [FULL, empty, Track(3, ["happy"], None, HOME, None)]


def test_a_file_without_its_types_returns_no_rows(
    form: SyncForm, path: Path, connection: Any
) -> None:
    create(form.load(path, TYPES), connection, FULL)
    with form.connect(connection.info.dsn + password(connection)) as other:
        list_all = form.load(path).rows("list_all", Track)
        with pytest.raises(StaleModuleError, match="does not know"):
            list_all(other)


def test_the_first_use_does_not_change_the_transaction_state(
    form: SyncForm, path: Path, connection: Any
) -> None:
    file = form.load(path, TYPES)
    dsn = connection.info.dsn + password(connection)
    with form.connect(dsn, autocommit=False) as other:
        create(file, other, FULL)
        form.rollback(other)
        assert file.rows("list_all", Track)(other) == []


def test_types_are_looked_up_once_per_connection(
    form: SyncForm, path: Path, connection: Any
) -> None:
    form.load(path, TYPES).rows("list_all", Track)(connection)
    form.execute(connection, "alter type music.mood rename to humour")
    # A second lookup would not find the type.
    assert form.load(path, TYPES).rows("list_all", Track)(connection) == []


def test_a_missing_type_is_named(form: SyncForm, path: Path, connection: Any) -> None:
    for name, kind in [("music.tempo", None), ("nowhere.place", Place)]:
        file = form.load(path, {name: kind})
        with pytest.raises(StaleModuleError, match=f"no type {name}"):
            file.rows("list_all", Track)(connection)


def test_a_connection_can_be_collected(path: Path, blank_conninfo: str) -> None:
    file = QueryFile(path, types=TYPES)
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        connection.execute(SCHEMA)
        file.rows("list_all", Track)(connection)
    watched = ref(connection)
    del connection
    gc.collect()
    assert watched() is None


def password(connection: Any) -> str:
    secret = connection.info.password
    return f" password={secret}" if secret else ""
