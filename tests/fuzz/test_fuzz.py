"""A short run of the fuzz test; `make fuzz` is the long one."""

from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Server
from tests.fuzz.laboratory import Laboratory, laboratory
from tests.fuzz.report import Tally, explain
from tests.fuzz.rules import ANALYST, BOLD, CAREFUL, everything_not_null
from tests.fuzz.run import all_rules, run
from tests.fuzz.shrinking import shrink
from tests.fuzz.statements import draw

QUERIES = 400


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[Laboratory]:
    conninfo = make_conninfo(
        "",
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        dbname=server.maintenance_dbname,
    )
    with laboratory(conninfo, fillings=3) as made:
        yield made


@pytest.fixture(scope="module")
def tally(databases: Laboratory) -> Tally:
    return run(databases, all_rules(databases), range(QUERIES))


def test_nothing_that_the_analysis_says_is_untrue(tally: Tally) -> None:
    assert not tally.unsound, "\n\n".join(
        explain(score, ANALYST) for score in tally.unsound[:3]
    )


def test_most_random_queries_are_prepared_and_run(tally: Tally) -> None:
    assert tally.refused < QUERIES // 10, tally.refusals.most_common(5)
    assert tally.scored > QUERIES * 4 // 5
    assert tally.columns > QUERIES


def test_the_random_queries_have_every_feature(tally: Tally) -> None:
    assert tally.missing == []


def test_the_rules_of_others_are_caught_on_the_same_queries(tally: Tally) -> None:
    assert tally.counts[CAREFUL]["queries"] > 5
    assert tally.counts[BOLD]["queries"] > tally.counts[CAREFUL]["queries"]


def test_the_analysis_is_less_cautious_than_attnotnull(tally: Tally) -> None:
    cautious = {name: counts["overcautious"] for name, counts in tally.counts.items()}
    assert cautious[ANALYST] < cautious[CAREFUL]


def test_an_analysis_that_is_wrong_on_purpose_is_caught(databases: Laboratory) -> None:
    wrong = everything_not_null(all_rules(databases)[CAREFUL])
    caught = run(databases, {"wrong": wrong}, range(60))
    said = {
        line for score in caught.unsound for line in score.verdicts["wrong"].unsound
    }
    assert len(caught.unsound) > caught.scored // 4
    assert any(line.endswith("is claimed to be never null, and was") for line in said)
    assert "claims a row, and none was returned" in said


def test_the_same_seed_draws_the_same_query(databases: Laboratory) -> None:
    assert draw(databases.world, 7) == draw(databases.world, 7)
    assert draw(databases.world, 7) != draw(databases.world, 8)


def test_a_query_is_shrunk_to_what_is_wrong_in_it() -> None:
    text = "select (a.b), 'it''s' from (t as a left join u on (a.x = u.x))"
    assert shrink(text, lambda shorter: "left join u" in shorter) == "left join u"
