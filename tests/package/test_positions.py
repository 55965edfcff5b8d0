"""Which position of the primary's log a reader of a standby needs."""

from uuid import UUID, uuid4

import pytest

from authority_queries.service.positions import NOWHERE, Position, Positions
from authority_queries.service.replica_health import Health, ReplicaReads

ACME, GLOBEX = uuid4(), uuid4()


def at(octets: int, timeline: int = 1) -> Position:
    return Position(timeline, octets)


@pytest.mark.parametrize("text", ["1:0/16B3748", "12:FFFFFFFF/FFFFFFFF", "1:1/0"])
def test_a_position_is_the_text_of_get_lsn(text: str) -> None:
    assert str(Position.parse(text)) == text


def test_an_lsn_is_compared_as_a_number_and_with_its_timeline() -> None:
    assert Position.parse("1:10/0").covers(Position.parse("1:F/FFFFFFFF"))
    assert at(5).covers(at(5))
    assert not at(4).covers(at(5))
    assert not at(9, timeline=1).covers(at(5, timeline=2))
    assert not at(4, timeline=2).covers(at(5, timeline=1))
    assert at(9).join(at(5, timeline=2)) == at(9, timeline=2)
    assert at(0).covers(NOWHERE)


def test_the_oldest_sample_within_the_longest_lag_is_required() -> None:
    positions = Positions(longest_lag=1.0)
    assert positions.required(ACME, now=10.0) is None
    for number in range(20):
        positions.add(10 + number / 4, at(number))
    assert positions.required(ACME, now=15.0) == at(16)  # of 14.0
    assert positions.required(ACME, now=15.1) == at(17)
    assert positions.required(ACME, now=16.0) is None


def test_one_caller_in_each_interval_takes_a_sample() -> None:
    positions = Positions(longest_lag=1.0)
    due = [positions.is_due(10 + number / 10) for number in range(10)]
    assert [number for number, is_due in enumerate(due) if is_due] == [0, 3, 6, 9]


def test_a_tenant_that_is_written_needs_a_later_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 10.5
    monkeypatch.setattr("authority_queries.service.positions.monotonic", lambda: now)
    positions = Positions(longest_lag=1.0)
    positions.add(10.0, at(1))
    with positions.writing(ACME), positions.writing(ACME):
        assert required(positions, 10.5) == {ACME: None, GLOBEX: at(1)}
    assert required(positions, 10.6) == {ACME: None, GLOBEX: at(1)}
    positions.add(10.7, at(2))
    assert required(positions, 10.8) == {ACME: at(2), GLOBEX: at(1)}
    positions.add(11.6, at(3))
    assert required(positions, 11.7) == {ACME: at(2), GLOBEX: at(2)}
    assert positions._written == {}


def required(positions: Positions, now: float) -> dict[UUID, Position | None]:
    return {tenant: positions.required(tenant, now) for tenant in (ACME, GLOBEX)}


def test_one_read_at_a_time_tries_a_standby_that_is_away() -> None:
    health = Health("b.example:5432/authority", interval=0.25, places=2)
    assert all(health.admits(at(1), now=10.0) for _ in range(3))
    health.fail(OSError("gone"), now=10.0)
    assert not health.admits(at(1), now=10.9)
    assert health.admits(at(1), now=11.0)
    assert not health.admits(at(1), now=11.0)
    for _ in range(9):
        health.fail(OSError("gone"), now=20.0)
    assert not health.admits(at(1), now=49.9)
    assert health.admits(at(1), now=50.0)
    health.answer()
    assert all(health.admits(at(1), now=50.0) for _ in range(3))
    assert health.reads == ReplicaReads(away=13)


def test_no_other_read_waits_for_a_position_that_was_not_reached() -> None:
    health = Health("b.example:5432/authority", interval=0.25, places=2)
    health.lag(at(5), now=10.0)
    assert not health.admits(at(5), now=10.2)
    assert not health.admits(at(6), now=10.2)
    assert health.admits(at(4), now=10.2)
    assert health.admits(at(6), now=10.3)
