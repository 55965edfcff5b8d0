from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from authority_queries.errors import InvalidArgumentError, InvalidValueError
from tests.package.forms import SyncForm, write

SQL = """
-- name: list_numbers(last)
select number as id, 'no. ' || number as title
from pg_catalog.generate_series(1, :last::int4) as number;

-- name: list_shares(last)
select 100 / (:last::int4 - number) as id, '100%' as title
from pg_catalog.generate_series(1, :last::int4) as number;

-- name: count_cursors()$
select count(*) from pg_catalog.pg_cursors where pg_cursors.name <> '';

-- name: describe_cursor()$
select cursors.statement from pg_catalog.pg_cursors as cursors
where cursors.name <> '';
"""


@dataclass(frozen=True, slots=True)
class Track:
    id: int
    title: str


@pytest.fixture(params=["autocommit", "transaction"])
def connection(
    request: pytest.FixtureRequest, form: SyncForm, blank_conninfo: str
) -> Iterator[Any]:
    autocommit = request.param == "autocommit"
    with form.connect(blank_conninfo, autocommit=autocommit) as opened:
        yield opened


@pytest.fixture
def file(form: SyncForm, tmp_path: Path) -> Any:
    return form.load(write(tmp_path, SQL))


@pytest.mark.parametrize("last", [0, 1, 5, 6, 7])
def test_a_stream_returns_all_records_in_pages(
    form: SyncForm, file: Any, connection: Any, last: int
) -> None:
    stream = file.stream("list_numbers", Track)
    with form.block(stream(connection, 3, last=last)) as tracks:
        found = list(tracks)
    assert found == [Track(number, f"no. {number}") for number in range(1, last + 1)]


def test_a_stream_fetches_one_page_at_a_time(
    form: SyncForm, file: Any, connection: Any
) -> None:
    shares = file.stream("list_shares", Track)
    with form.block(shares(connection, 2, last=6)) as tracks:
        found = [next(tracks).id for _ in range(4)]
    assert found == [20, 25, 33, 50]


def test_an_error_of_a_fetch_names_the_query(
    form: SyncForm, file: Any, connection: Any
) -> None:
    shares = file.stream("list_shares", Track)
    with (
        pytest.raises(InvalidValueError, match=r"^tracks\.list_shares: "),
        form.block(shares(connection, 2, last=6)) as tracks,
    ):
        list(tracks)


def test_a_stream_opens_a_transaction_only_in_autocommit(
    form: SyncForm, file: Any, connection: Any
) -> None:
    own = connection.autocommit
    stream = file.stream("list_numbers", Track)
    with form.block(stream(connection, 2, last=9)) as tracks:
        next(tracks)
        assert connection.info.transaction_status == TransactionStatus.INTRANS
    status = connection.info.transaction_status
    assert status == (TransactionStatus.IDLE if own else TransactionStatus.INTRANS)
    assert file.value("count_cursors")(connection) == 0
    assert list(tracks) == []


def fail_within_stream(form: SyncForm, file: Any, connection: Any) -> None:
    stream = file.stream("list_numbers", Track)
    with form.block(stream(connection, 2, last=9)) as tracks:
        form.execute(connection, "create table kept (id int8)")
        next(tracks)
        raise ZeroDivisionError


def test_an_error_in_the_block_rolls_back_only_the_streams_own_transaction(
    form: SyncForm, file: Any, connection: Any
) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_within_stream(form, file, connection)
    kept = form.execute(connection, "select to_regclass('kept') is not null")
    assert next(iter(kept)) == (not connection.autocommit,)


def test_other_errors_in_the_block_are_not_converted(
    form: SyncForm, file: Any, connection: Any
) -> None:
    stream = file.stream("list_numbers", Track)
    with (
        pytest.raises(psycopg.errors.DivisionByZero),
        form.block(stream(connection, 2, last=9)),
    ):
        form.execute(connection, "select 1 / 0")


def test_two_streams_run_side_by_side(
    form: SyncForm, file: Any, connection: Any
) -> None:
    stream = file.stream("list_numbers", Track)
    with (
        form.block(stream(connection, 1, last=3)) as some,
        form.block(stream(connection, 2, last=3)) as others,
    ):
        pairs = [(one.id, other.id) for one, other in zip(some, others, strict=True)]
    assert pairs == [(1, 1), (2, 2), (3, 3)]


def test_the_statement_of_a_stream_contains_the_query_name(
    form: SyncForm, file: Any, connection: Any
) -> None:
    stream = file.stream("list_numbers", Track)
    with form.block(stream(connection, 2, last=9)):
        statement = file.value("describe_cursor")(connection)
    assert "FOR select /* tracks.list_numbers */ number" in statement


def test_a_page_size_of_0_is_refused(
    form: SyncForm, file: Any, connection: Any
) -> None:
    stream = file.stream("list_numbers", Track)
    with (
        pytest.raises(InvalidArgumentError, match="size must be 1 row a trip or more"),
        form.block(stream(connection, 0, last=9)),
    ):
        pass
    assert connection.info.transaction_status == TransactionStatus.IDLE


def test_a_stream_query_can_also_return_a_list(file: Any, connection: Any) -> None:
    file.stream("list_numbers", Track)
    found = file.rows("list_numbers", Track)(connection, last=2)
    assert found == [Track(1, "no. 1"), Track(2, "no. 2")]
