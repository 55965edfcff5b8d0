import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from authority_queries.errors import (
    AuthorityError,
    BrokenPromiseError,
    CardinalityError,
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    StaleModuleError,
)
from tests.package.forms import SyncForm, numbers, write

SCHEMA = """
create table track (
    id int8 constraint track_pk primary key,
    title text not null constraint track_title_check check (title <> ''),
    notes jsonb
)
"""
SQL = """
-- name: get_by_id(id)^
-- The track.
select track.id, track.title from track where track.id = :id;

-- name: get_by_title(title)^
select track.id, track.title from track where track.title like :title;

-- name: get_always(id)^
select track.id, track.title from track where track.id = :id;

-- name: list_by_title(title)
select track.id, track.title from track
where track.title like 'no%' and track.title like :title order by track.id;

-- name: create(id, title, notes)<!
insert into track (id, title, notes) values (:id, :title, :notes)
returning track.id, track.title;

-- name: rename_all(title)<!
update track set title = :title returning track.id, track.title;

-- name: retitle(title)!
update track set title = :title;

-- name: freshen()!
analyze track;

-- name: get_title(id)$
select track.title from track where track.id = :id;

-- name: get_null_title(id)^
select track.id, nullif(track.title, 'no. 0') as title from track
where track.id = :id;

-- name: get_null_value(id)$
select nullif(track.title, 'no. 0') as title from track where track.id = :id;

-- name: get_any_title()$
select track.title from track;

-- name: count_all()$
select count(*) from track;

-- name: get_notes(id)$
select track.notes from track where track.id = :id;

-- name: create_many(id, title)*!
insert into track (id, title) values (:id, :title);

-- name: load()!
-- @copy
copy track (id, title) from stdin where title <> '9%';

-- name: load_binary()!
-- @copy
copy track (id, title) from stdin (format binary);

-- name: reset()#
truncate track;
insert into track (id, title) values (100, '100%');

-- name: show_activity()$
select activity.query from pg_catalog.pg_stat_activity as activity
where activity.pid = pg_catalog.pg_backend_pid();

-- name: get_end()$
select 'infinity'::timestamptz;

-- name: get_remainder(id)$
select :id::int8 % 7;
"""


@dataclass(frozen=True, slots=True)
class Track:
    id: int
    title: str


class Tracks:
    """The loaded file, and a connection in autocommit with some tracks."""

    def __init__(self, form: SyncForm, path: Path, connection: Any) -> None:
        self.file = form.load(path)
        self.connection = connection
        form.execute(connection, SCHEMA)
        self.batch = self.file.batch("create_many")
        self.batch(connection, numbers(3))

    def count(self) -> object:
        return self.file.sure_value("count_all")(self.connection)


@pytest.fixture
def tracks(form: SyncForm, tmp_path: Path, blank_conninfo: str) -> Iterator[Tracks]:
    with form.connect(blank_conninfo) as connection:
        yield Tracks(form, write(tmp_path, SQL), connection)


def test_a_row_is_the_record_or_none(tracks: Tracks) -> None:
    get = tracks.file.row("get_by_id", Track)
    assert get(tracks.connection, id=1) == Track(1, "no. 1")
    assert get(tracks.connection, id=9) is None


def test_two_rows_instead_of_one_raise(tracks: Tracks) -> None:
    get = tracks.file.row("get_by_title", Track)
    with pytest.raises(CardinalityError) as caught:
        get(tracks.connection, title="no%")
    message = "tracks.get_by_title: the statement returned 3 rows, not one"
    assert str(caught.value) == message
    with pytest.raises(
        CardinalityError, match=r"tracks\.rename_all: the statement ret"
    ):
        tracks.file.row("rename_all", Track)(tracks.connection, title="same")
    with pytest.raises(
        CardinalityError, match=r"tracks\.get_any_title: the statement ret"
    ):
        tracks.file.value("get_any_title")(tracks.connection)


def test_no_row_instead_of_one_raises(tracks: Tracks) -> None:
    get = tracks.file.sure_row("get_always", Track)
    assert get(tracks.connection, id=2) == Track(2, "no. 2")
    with pytest.raises(
        CardinalityError, match=r"^tracks\.get_always: the statement returned no row"
    ):
        get(tracks.connection, id=9)


@pytest.mark.parametrize("kind", ["row", "value"])
def test_a_null_in_a_not_null_column_raises(tracks: Tracks, kind: str) -> None:
    loaded = tracks.file
    if kind == "row":
        get = loaded.row("get_null_title", Track)
    else:
        get = loaded.value("get_null_value")
    name = f"get_null_{'title' if kind == 'row' else 'value'}"
    assert get(tracks.connection, id=2) in (Track(2, "no. 2"), "no. 2")
    loaded.promise(name, "title")
    assert get(tracks.connection, id=2) in (Track(2, "no. 2"), "no. 2")
    with pytest.raises(BrokenPromiseError, match=rf"^tracks\.{name}: title is null"):
        get(tracks.connection, id=0)


def test_rows_are_a_list_of_records(tracks: Tracks) -> None:
    list_by_title = tracks.file.rows("list_by_title", Track)
    found = list_by_title(tracks.connection, title="%")
    assert found == [Track(0, "no. 0"), Track(1, "no. 1"), Track(2, "no. 2")]
    assert list_by_title(tracks.connection, title="x") == []


def test_an_insert_returns_a_record(tracks: Tracks) -> None:
    create = tracks.file.row("create", Track)
    created = create(tracks.connection, id=7, title="new", notes=Jsonb({}))
    assert created == Track(7, "new")


def test_a_value_query_returns_the_value_or_none(tracks: Tracks) -> None:
    assert tracks.file.value("get_title")(tracks.connection, id=1) == "no. 1"
    assert tracks.file.value("get_title")(tracks.connection, id=9) is None
    assert tracks.file.value("get_notes")(tracks.connection, id=1) is None
    assert tracks.count() == 3


def test_a_null_or_missing_value_instead_of_one_raises(tracks: Tracks) -> None:
    with pytest.raises(
        CardinalityError, match=r"^tracks\.get_notes: the statement returned no row"
    ):
        tracks.file.sure_value("get_notes")(tracks.connection, id=1)


def test_a_count_is_the_number_of_changed_rows_or_0(tracks: Tracks) -> None:
    assert tracks.file.count("retitle")(tracks.connection, title="same") == 3
    assert tracks.file.count("freshen")(tracks.connection) == 0


def test_a_count_is_right_in_a_pipeline(form: SyncForm, tracks: Tracks) -> None:
    retitle = tracks.file.count("retitle")
    with form.block(tracks.connection.pipeline()):
        assert retitle(tracks.connection, title="same") == 3


def test_a_batch_returns_the_total(tracks: Tracks) -> None:
    assert tracks.batch(tracks.connection, [{"id": 8, "title": "a"}]) == 1
    assert tracks.batch(tracks.connection, ()) == 0
    assert tracks.count() == 4


def test_a_batch_writes_all_rows_or_none(tracks: Tracks) -> None:
    batch = [{"id": number, "title": "x"} for number in (10, 11, 12, 10)]
    with pytest.raises(DuplicateError) as caught:
        tracks.batch(tracks.connection, batch)
    assert caught.value.constraint == "track_pk"
    assert tracks.count() == 3


def test_an_empty_batch_makes_no_trip(tracks: Tracks) -> None:
    tracks.connection.pgconn.finish()
    assert tracks.batch(tracks.connection, iter(())) == 0


def test_copy_writes_all_rows_and_counts_them(tracks: Tracks) -> None:
    load = tracks.file.copy("load")
    rows = [(number, f"100% of\t{number}") for number in range(10, 60)]
    assert load(tracks.connection, [*rows, (60, "9%")]) == 50
    get = tracks.file.row("get_by_id", Track)
    assert get(tracks.connection, id=59) == Track(59, "100% of\t59")


def test_a_binary_copy_uses_the_given_types(tracks: Tracks) -> None:
    load = tracks.file.copy("load_binary", ["int8", "text"])
    assert load(tracks.connection, iter([(20, "a"), (21, "b")])) == 2


def test_a_failed_copy_writes_nothing_and_its_error_names_the_query(
    tracks: Tracks,
) -> None:
    load = tracks.file.copy("load")
    with pytest.raises(DuplicateError):
        load(tracks.connection, [(70, "a"), (1, "b")])
    with pytest.raises(InvalidValueError, match=r"^tracks\.load: "):
        load(tracks.connection, [(70, "a"), (71, "canary\0")])
    with pytest.raises(InvalidArgumentError, match=r"^tracks\.load: "):
        load(tracks.connection, [(70, "a"), (71, object())])
    with pytest.raises(ValueError, match="the caller's own"):
        load(tracks.connection, broken_rows())
    assert tracks.count() == 3


def broken_rows() -> Iterator[tuple[int, str]]:
    yield 70, "a"
    message = "the caller's own"
    raise ValueError(message)


def test_a_script_can_run_twice(tracks: Tracks) -> None:
    reset = tracks.file.script("reset")
    assert [reset(tracks.connection) for _ in range(7)] == [None] * 7
    assert tracks.file.value("get_title")(tracks.connection, id=100) == "100%"


def test_a_percent_sign_needs_no_escape(tracks: Tracks) -> None:
    assert tracks.file.value("get_remainder")(tracks.connection, id=9) == 2


def test_the_statement_text_contains_the_query_name(tracks: Tracks) -> None:
    seen = tracks.file.value("show_activity")(tracks.connection)
    assert str(seen).startswith("select /* tracks.show_activity */ activity.query")


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("", InvalidValueError),
        (None, InvalidValueError),
        ("canary\0", InvalidValueError),
        ("canary\udc00", InvalidValueError),
        ({"canary": 1}, InvalidArgumentError),
        (["canary", 1], InvalidValueError),
        (Int8(10**30), InvalidArgumentError),
        (Jsonb({"canary": object()}), InvalidArgumentError),
    ],
)
def test_the_error_for_an_invalid_value_names_the_query(
    tracks: Tracks, title: object, kind: type[AuthorityError]
) -> None:
    create = tracks.file.row("create", Track)
    with pytest.raises(kind, match=r"^tracks\.create: ") as caught:
        create(tracks.connection, id=7, title=title, notes=None)
    assert "canary" not in str(caught.value)
    assert type(caught.value) is kind
    assert tracks.count() == 3


def test_an_error_without_a_class_stays_psycopgs(
    form: SyncForm, tracks: Tracks
) -> None:
    form.execute(tracks.connection, "drop table track")
    with pytest.raises(psycopg.errors.UndefinedTable):
        tracks.count()


def test_a_result_that_python_cannot_represent_is_not_an_invalid_argument(
    tracks: Tracks,
) -> None:
    with pytest.raises(psycopg.DataError):
        tracks.file.value("get_end")(tracks.connection)


def test_a_file_may_have_any_name(
    form: SyncForm, tmp_path: Path, tracks: Tracks
) -> None:
    path = write(tmp_path, SQL).rename(tmp_path / "50%s of-*.sql")
    seen = form.load(path).value("show_activity")(tracks.connection)
    assert str(seen).startswith("select /* 50_s_of__.show_activity */ activity")


@pytest.mark.parametrize(
    ("sql", "processed"),
    [
        ("(select 1)", "( /* tracks.get */select 1)"),
        ("/*+ SeqScan(t) */ select 1", "/*+ SeqScan(t) */ select /* tracks.get */ 1"),
        ("select /*+ SeqScan(t) */ 1", "select /*+ SeqScan(t) */ /* tracks.get */ 1"),
    ],
)
def test_the_query_name_is_after_the_first_keyword_and_any_hint(
    form: SyncForm, tmp_path: Path, sql: str, processed: str
) -> None:
    path = write(tmp_path, f"-- name: get()$\n{sql}")
    assert getattr(form.load(path).queries, "get").sql == processed  # noqa: B009 -- it is made at run time


def test_the_log_has_a_statements_place_and_no_parameters(
    tracks: Tracks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="authority_queries.sql")
    tracks.file.row("get_by_id", Track)(tracks.connection, id=987)
    tracks.file.copy("load")(tracks.connection, [])
    tracks.file.script("reset")(tracks.connection)
    told = [record.getMessage() for record in caplog.records]
    lines = SQL.split("\n")
    assert told == [
        f"queries/tracks.sql:{lines.index(f'-- name: {head}') + 1} {name}"
        for name, head in [
            ("get_by_id", "get_by_id(id)^"),
            ("load", "load()!"),
            ("reset", "reset()#"),
        ]
    ]


def test_a_stale_module_raises_when_it_is_imported(
    tracks: Tracks,
) -> None:
    with pytest.raises(StaleModuleError, match="get_by_name is not there"):
        tracks.file.row("get_by_name", Track)
    with pytest.raises(StaleModuleError, match=r"get_by_id is of kind .*SELECT_ONE"):
        tracks.file.rows("get_by_id", Track)
