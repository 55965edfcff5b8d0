"""Consents that are granted or narrowed beside codes and refreshes under them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from authority_queries import Store
from tests.factories import new_token
from tests.flows.races import race_often
from tests.flows.token_families import Dba
from tests.repositories.grant_helpers import (
    Grant,
    issue_code,
    make_grant,
    make_party,
    refresh,
)
from tests.stores import Logins

RACERS, ROUNDS = 8, 30
RESOURCES = [f"https://{number}.example" for number in range(RACERS)]
DETAILS: list[dict[str, Any]] = [{"type": str(number)} for number in range(RACERS)]
WIDE: dict[str, Any] = {"resources": RESOURCES, "authorization_details": DETAILS}
# Tokens that are alive although their consent lacks something that they have.
_BEYOND = """
select count(*)
from authority.live_tokens
join authority.authorizations on authorizations.id = live_tokens.authorization_id
join authority.consents on consents.id = authorizations.consent_id
where not live_tokens.resources <@ consents.resources
    or not array(select jsonb_array_elements(live_tokens.authorization_details))
    <@ array(select jsonb_array_elements(consents.authorization_details))
"""


def number(dba: Dba, query: str) -> int:
    row = dba.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_racing_grants_lose_nothing(
    store: Store, logins: Logins, figures: list[str]
) -> None:
    parties = [make_party(store) for _ in range(ROUNDS)]

    def granter(index: int) -> Callable[[Store, int], object]:
        return lambda store, turn: store.consents.grant(
            **parties[turn].of_consent,
            scopes=["openid"],
            resources=[RESOURCES[index]],
            authorization_details=[DETAILS[index]],
        )

    tenants = [party.tenant_id for party in parties]
    race_often(logins, tenants, [granter(index) for index in range(RACERS)])
    found = [store.consents.get(**party.of_consent) for party in parties]
    kept = [consent for consent in found if consent is not None]
    assert [consent.resources for consent in kept] == [RESOURCES] * ROUNDS
    for consent in kept:
        assert len(consent.authorization_details) == RACERS
        assert all(detail in consent.authorization_details for detail in DETAILS)
    figures.append(f"{RACERS} grants to one consent, {ROUNDS} times: none lost")


def test_no_token_outlives_what_its_consent_lost(
    store: Store, logins: Logins, dba: Dba, figures: list[str]
) -> None:
    grants = [make_wide(store) for _ in range(ROUNDS)]

    def issuer(store: Store, turn: int) -> str:
        return issue_code(store, grants[turn], **WIDE)[1].outcome

    def refresher(store: Store, turn: int) -> str:
        at = grants[turn]
        access, again = at.mint("access"), at.mint("refresh")
        return refresh(
            store,
            at,
            at.refresh,
            access_token=new_token(access),
            refresh_token=new_token(again),
        ).outcome

    def narrower(store: Store, turn: int) -> str:
        consent = store.consents.narrow(
            **grants[turn].of_consent,
            resources=RESOURCES[:1] if turn % 2 else None,
            authorization_details=None if turn % 2 else DETAILS[1:],
        )
        assert consent is not None
        return "narrowed"

    racers = [*[issuer] * (RACERS - 1), refresher, narrower]
    rounds = race_often(logins, [at.tenant_id for at in grants], racers)
    counted = Counter(outcome for outcomes in rounds for outcome in outcomes)
    assert counted.keys() <= {
        "issued",
        "consent_required",
        "redeemed",
        "invalid",
        "narrowed",
    }
    assert counted["narrowed"] == ROUNDS
    assert counted["redeemed"] + counted["invalid"] == ROUNDS
    assert number(dba, _BEYOND) == 0
    # They are not lost: the same grant brings them back, and the query would see them.
    alive = number(dba, "select count(*) from authority.live_tokens")
    for at in grants:
        store.consents.grant(**at.of_consent, scopes=[], **WIDE)
    again = number(dba, "select count(*) from authority.live_tokens")
    assert again - alive >= counted["issued"] + counted["redeemed"]
    figures.append(f"narrowing beside {RACERS} requests, {ROUNDS} times: {counted}")


def make_wide(store: Store) -> Grant:
    party = make_party(store)
    store.consents.grant(**party.of_consent, scopes=[], **WIDE)
    return make_grant(store, party, code=WIDE)
