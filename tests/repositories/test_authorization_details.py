"""Authorization details of grants and tokens (RFC 9396)."""

from typing import Any

import pytest

from authority_queries import Store
from tests.factories import make_consent, make_device, new_token
from tests.refusals import refusal_of
from tests.repositories.exchange_helpers import exchange, make_service
from tests.repositories.grant_helpers import (
    DAY,
    Grant,
    family_of,
    is_alive,
    issue_code,
    make_code,
    make_grant,
    make_party,
    redeem_code,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import Dba, diagnose, verify

Details = list[dict[str, Any]]
PAYMENT: dict[str, Any] = {
    "type": "payment",
    "amount": {"currency": "EUR", "value": 12.5},
    "creditor": "Merchant A",
    "actions": ["initiate", "status"],
}
MAIL: dict[str, Any] = {"type": "mail", "folders": ["in"]}
BOTH: Details = [PAYMENT, MAIL]
FEWER: list[Details | None] = [
    [MAIL],
    [MAIL, PAYMENT],
    [],
    None,
    # The same document, written in another way.
    [
        {
            **dict(reversed(PAYMENT.items())),
            "amount": {"value": 12.50, "currency": "EUR"},
        }
    ],
]
# Fewer fields, or other elements of a list, would be more than what was granted.
WIDER: list[Any] = [
    [{"type": "payment"}],
    [{**PAYMENT, "amount": {"currency": "EUR"}}],
    [{**PAYMENT, "amount": {"currency": "EUR", "value": 13}}],
    [{**PAYMENT, "actions": ["initiate"]}],
    [{**PAYMENT, "actions": ["status", "initiate"]}],
    [{**PAYMENT, "more": True}],
    [{"type": "mail", "folders": []}],
    [MAIL, {"type": "mail"}],
    ["mail"],
    [BOTH],
    [MAIL] * 101,
]


def make_detailed(store: Store) -> Grant:
    party = make_party(store)
    make_consent(store, party.client, party.user, authorization_details=BOTH)
    return make_grant(store, party, code={"authorization_details": BOTH})


def test_all_tokens_of_a_grant_have_its_details(store: Store) -> None:
    grant = make_detailed(store)
    for token in (grant.code, grant.access, grant.refresh):
        assert token_of(store, token).authorization_details == BOTH
    assert family_of(store, grant.access).authorization_details == BOTH
    found = verify(store, grant.access)
    assert found is not None
    assert found.authorization_details == BOTH


@pytest.mark.parametrize("asked", FEWER)
def test_fewer_details_restrict_the_access_token_only(
    sync_store: Store, asked: Details | None
) -> None:
    grant = make_detailed(sync_store)
    access, successor = grant.mint("access"), grant.mint("refresh")
    result = refresh(
        sync_store,
        grant,
        grant.refresh,
        authorization_details=asked,
        access_token=new_token(access),
        refresh_token=new_token(successor, DAY),
    )
    kept = BOTH if asked is None else asked
    assert (result.outcome, result.authorization_details) == ("redeemed", kept)
    assert token_of(sync_store, access).authorization_details == kept
    assert token_of(sync_store, successor).authorization_details == BOTH


@pytest.mark.parametrize("asked", WIDER)
def test_a_detail_that_was_not_granted_as_it_is_is_refused(
    sync_store: Store, asked: Any
) -> None:
    grant = make_detailed(sync_store)
    code = make_code(sync_store, grant, authorization_details=BOTH)
    for result in (
        refresh(sync_store, grant, grant.refresh, authorization_details=asked),
        redeem_code(sync_store, grant, code, authorization_details=asked),
    ):
        assert result.outcome == "invalid_authorization_details"
        assert (result.access_token_id, result.refresh_token_id) == (None, None)
    _, issued = exchange(
        sync_store,
        make_service(sync_store, grant),
        grant.access,
        authorization_details=asked,
    )
    assert issued.outcome == "invalid_authorization_details"
    assert redeem_code(sync_store, grant, code).outcome == "redeemed"
    assert refresh(sync_store, grant, grant.refresh).outcome == "redeemed"


def test_an_exchanged_token_has_no_more_details(store: Store) -> None:
    grant = make_detailed(store)
    service = make_service(store, grant)
    for asked in FEWER:
        kept = BOTH if asked is None else asked
        minted, issued = exchange(
            store, service, grant.access, authorization_details=asked
        )
        assert (issued.outcome, issued.authorization_details) == ("issued", kept)
        assert token_of(store, minted).authorization_details == kept


def test_a_code_needs_a_consent_to_each_detail(store: Store) -> None:
    party = make_party(store)
    for details in ([MAIL], [{"type": "mail"}]):
        make_consent(
            store,
            party.client,
            party.user,
            authorization_details=[{"type": "mail", "folders": ["in", "out"]}],
        )
        _, refused = issue_code(store, party, authorization_details=details)
        assert refused.outcome == "consent_required"
    make_consent(store, party.client, party.user, authorization_details=[MAIL, MAIL])
    assert issue_code(store, party, authorization_details=[MAIL])[1].outcome == "issued"
    assert issue_code(store, party)[1].outcome == "issued"
    consent = make_consent(store, party.client, party.user)
    assert len(consent.authorization_details) == 2


def test_a_narrower_consent_stops_tokens_with_other_details(store: Store) -> None:
    grant = make_detailed(store)
    mail = make_code(store, grant, authorization_details=[MAIL])
    for kept, left in (
        (None, BOTH),
        ([MAIL, {"type": "payment"}], [MAIL]),
        ([{"type": "mail"}], []),
    ):
        consent = store.consents.narrow(**grant.of_consent, authorization_details=kept)
        assert consent is not None
        assert consent.scopes == ["email", "openid"]
        assert consent.authorization_details == left
        narrowed = diagnose(store, grant.access).dead_because
        assert narrowed == (None if left == BOTH else "consent_narrowed")
        assert is_alive(store, mail) is (left != [])


def test_a_user_approves_no_more_details_than_a_device_requested(store: Store) -> None:
    party = make_party(store)
    everything = [*BOTH, {"type": "mail"}]
    make_consent(store, party.client, party.user, authorization_details=everything)
    for asked, outcome in (
        ([{"type": "mail"}], "invalid_authorization_details"),
        ([MAIL], "approved"),
        (None, "approved"),
    ):
        code, user_code_hash = make_device(
            store, party.client, authorization_details=BOTH
        )
        approval = store.device_authorizations.approve(
            tenant_id=party.tenant_id,
            user_code_hash=user_code_hash,
            user_id=party.user.id,
            authenticated_at=None,
            authorization_details=asked,
        )
        assert approval.outcome == outcome
        if outcome == "approved":
            kept = BOTH if asked is None else asked
            assert token_of(store, code).authorization_details == kept


def test_a_client_gets_the_details_that_the_caller_allows(store: Store) -> None:
    party = make_party(store)
    minted = party.mint("access")
    issued = store.grants.issue_to_client(
        tenant_id=party.tenant_id,
        token_hash=minted.hash,
        client_id=party.client.client_id,
        authorization_details=BOTH,
        lifetime=DAY,
    )
    assert issued.outcome == "issued"
    assert token_of(store, minted).authorization_details == BOTH


MALFORMED: list[Any] = [
    {"type": "mail"},
    ["mail"],
    [None],
    [[{"type": "mail"}]],
    [{}],
    [{"Type": "mail"}],
    [{"type": ""}],
    [{"type": 1}],
    [{"type": ["mail"]}],
    [MAIL, {"type": None}],
    [{"type": str(n)} for n in range(101)],
    [{"type": "a" * 65_536}],
]


@pytest.mark.parametrize("details", MALFORMED)
def test_a_detail_is_an_object_with_a_type(
    sync_store: Store, dba: Dba, details: Any
) -> None:
    party = make_party(sync_store, consent_type="implicit")
    for name, call in (
        (
            "consent",
            lambda: sync_store.consents.grant(
                **party.of_consent, scopes=[], authorization_details=details
            ),
        ),
        ("code", lambda: issue_code(sync_store, party, authorization_details=details)),
        (
            "device",
            lambda: make_device(
                sync_store, party.client, authorization_details=details
            ),
        ),
    ):
        with refusal_of("authorization_details"):
            call()
        assert name
    counted = dba.execute("select count(*) from authority.tokens").fetchone()
    assert counted == (0,)
