"""Codes and refresh tokens that 8 racers present at once, 200 times."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg

from authority_queries import Store
from authority_queries.records import Redemption
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.flows.races import race_often
from tests.flows.token_families import (
    Dba,
    Families,
    count_families,
    issue_codes,
    make_app,
    make_families,
    redeem_code,
    refresh,
)
from tests.stores import Logins

RACERS, ROUNDS = 8, 200
LOSERS = ROUNDS * (RACERS - 1)

Rounds = Sequence[Sequence[Redemption]]


def present(
    logins: Logins,
    tenant_id: UUID,
    present_one: Callable[[Store, int, UUID], Redemption],
    *,
    one_request: bool = False,
) -> Rounds:
    """Let 8 racers present the token of each round, each in a request of its own."""
    requests = [uuid4() for _ in range(ROUNDS)]

    def racer(store: Store, number: int) -> Redemption:
        request = requests[number] if one_request else uuid4()
        return present_one(store, number, request)

    return race_often(logins, [tenant_id] * ROUNDS, [racer] * RACERS)


def outcomes(rounds: Rounds) -> Counter[str]:
    return Counter(str(each.outcome) for racers in rounds for each in racers)


def all_know_the_successors(rounds: Rounds) -> bool:
    return all(
        len({(each.access_token_id, each.refresh_token_id) for each in racers}) == 1
        and racers[0].refresh_token_id is not None
        for racers in rounds
    )


def line(what: str, counted: Counter[str], families: Families) -> str:
    told = ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common())
    return (
        f"{RACERS} {what}: {told}; {families.live} families live, "
        f"{families.branches} branches, {families.forks} forks"
    )


def test_one_of_8_redeemers_of_a_code_wins_and_no_family_survives(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    client = make_app(sync_store)
    codes = issue_codes(sync_store, client, ROUNDS)
    rounds = present(
        logins,
        client.tenant_id,
        lambda store, number, request: redeem_code(
            store, client, codes[number], request
        ),
    )
    counted, left = outcomes(rounds), count_families(dba)
    figures.append(line("redeemers of 200 codes", counted, left))
    assert counted == {"redeemed": ROUNDS, "reused": LOSERS}
    assert left == Families(live=0, branches=0, forks=0, halves=0)


def test_a_code_that_one_request_presents_8_times_has_one_live_branch(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    client = make_app(sync_store)
    codes = issue_codes(sync_store, client, ROUNDS)
    rounds = present(
        logins,
        client.tenant_id,
        lambda store, number, request: redeem_code(
            store, client, codes[number], request
        ),
        one_request=True,
    )
    counted, left = outcomes(rounds), count_families(dba)
    figures.append(line("retries of one request for 200 codes", counted, left))
    assert counted == {"redeemed": ROUNDS, "already_redeemed": LOSERS}
    assert all_know_the_successors(rounds)
    assert left == Families(live=ROUNDS, branches=ROUNDS, forks=0, halves=0)


def rotate(
    store: Store,
    dba: Dba,
    logins: Logins,
    *,
    one_request: bool,
    leeway: timedelta = timedelta(0),
) -> tuple[Rounds, Families]:
    client = make_client(store, make_tenant(store).id)
    tokens = make_families(store, client, ROUNDS)
    rounds = present(
        logins,
        client.tenant_id,
        lambda store, number, request: refresh(
            store, client, tokens[number], request, leeway=leeway
        ),
        one_request=one_request,
    )
    return rounds, count_families(dba)


def test_one_of_8_rotators_of_a_family_wins_and_no_branch_lives(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    rounds, left = rotate(sync_store, dba, logins, one_request=False)
    counted = outcomes(rounds)
    figures.append(line("rotators of 200 families", counted, left))
    assert counted == {"redeemed": ROUNDS, "reused": LOSERS}
    assert left == Families(live=0, branches=0, forks=0, halves=0)


def test_one_of_8_rotators_within_the_leeway_wins_and_one_branch_lives(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    rounds, left = rotate(
        sync_store, dba, logins, one_request=False, leeway=timedelta(seconds=30)
    )
    counted = outcomes(rounds)
    figures.append(line("rotators of 200 families, leeway 30 s", counted, left))
    assert counted == {"redeemed": ROUNDS, "recently_redeemed": LOSERS}
    assert all_know_the_successors(rounds)
    assert left == Families(live=ROUNDS, branches=ROUNDS, forks=0, halves=0)


def test_a_refresh_that_one_request_repeats_8_times_leaves_one_live_branch(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    rounds, left = rotate(sync_store, dba, logins, one_request=True)
    counted = outcomes(rounds)
    figures.append(line("retries of one request for 200 families", counted, left))
    assert counted == {"redeemed": ROUNDS, "already_redeemed": LOSERS}
    assert all_know_the_successors(rounds)
    assert left == Families(live=ROUNDS, branches=ROUNDS, forks=0, halves=0)


def test_a_rotation_beside_an_uncommitted_sign_out_everywhere_gains_nothing(
    sync_store: Store, dba: Dba, logins: Logins
) -> None:
    client = make_client(sync_store, make_tenant(sync_store).id)
    user = make_user(sync_store, client.tenant_id)
    token, _ = make_token(sync_store, client, "refresh", user_id=user.id)
    with psycopg.connect(logins.app_for(user.tenant_id)) as connection:
        Store(connection).users.revoke_tokens(tenant_id=user.tenant_id, user_id=user.id)
        assert refresh(sync_store, client, token, uuid4()).outcome == "redeemed"
        assert count_families(dba).branches == 1
    assert count_families(dba).branches == 0


def test_an_epoch_never_moves_back(sync_store: Store, dba: Dba, logins: Logins) -> None:
    client = make_client(sync_store, make_tenant(sync_store).id)
    user = make_user(sync_store, client.tenant_id)
    conninfo = logins.app_for(user.tenant_id)

    def sign_out(connection: "psycopg.Connection[object]") -> None:
        Store(connection).users.revoke_tokens(tenant_id=user.tenant_id, user_id=user.id)

    with ThreadPoolExecutor(1) as threads, psycopg.connect(conninfo) as first:
        first.execute("select from authority.users for no key update")

        def later() -> None:
            with psycopg.connect(conninfo, autocommit=True) as second:
                sign_out(second)

        waiting = threads.submit(later)
        while not dba.execute("select from pg_locks where not granted").fetchall():
            pass
        token, _ = make_token(sync_store, client, "refresh", user_id=user.id)
        sign_out(first)
        first.commit()
        waiting.result(timeout=60)
    assert refresh(sync_store, client, token, uuid4()).outcome == "invalid"
