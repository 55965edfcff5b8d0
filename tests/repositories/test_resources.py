"""The resources that a token is for (RFC 8707)."""

from collections.abc import Sequence

import pytest

from authority_queries import Store
from tests.factories import (
    make_client,
    make_consent,
    make_device,
    make_service_account,
    new_token,
)
from tests.refusals import refusal_of
from tests.repositories.exchange_helpers import exchange, make_service
from tests.repositories.grant_helpers import (
    DAY,
    Grant,
    Party,
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
from tests.repositories.token_helpers import Fields, diagnose, verify

MAIL, FILES, OTHER = (
    "https://mail.example/v1",
    "urn:example:files",
    "https://mail.example/v1/",
)
BOTH = [MAIL, FILES]
# What a request for BOTH may ask for, and what it may not.
FEWER: list[list[str] | None] = [[MAIL], [FILES], [FILES, MAIL], None]
WRONG: list[list[str]] = [[OTHER], [MAIL, OTHER], []]


def make_audience(store: Store) -> Grant:
    """Make a grant for both resources."""
    party = make_party(store)
    make_consent(store, party.client, party.user, resources=BOTH)
    return make_grant(store, party, code={"resources": BOTH})


def test_all_tokens_of_a_grant_are_for_its_resources(store: Store) -> None:
    grant = make_audience(store)
    for token in (grant.code, grant.access, grant.refresh):
        assert token_of(store, token).resources == BOTH
    assert family_of(store, grant.access).resources == BOTH
    found = verify(store, grant.access)
    assert found is not None
    assert found.resources == BOTH


@pytest.mark.parametrize("asked", FEWER)
def test_fewer_resources_restrict_the_access_token_only(
    sync_store: Store, asked: Sequence[str] | None
) -> None:
    grant = make_audience(sync_store)
    access, successor = grant.mint("access"), grant.mint("refresh")
    result = refresh(
        sync_store,
        grant,
        grant.refresh,
        resources=asked,
        access_token=new_token(access),
        refresh_token=new_token(successor, DAY),
    )
    kept = BOTH if asked is None else asked
    assert (result.outcome, result.resources) == ("redeemed", kept)
    assert token_of(sync_store, access).resources == kept
    assert token_of(sync_store, successor).resources == BOTH


@pytest.mark.parametrize("asked", WRONG)
def test_other_resources_are_refused_and_the_token_stays_usable(
    sync_store: Store, asked: Sequence[str]
) -> None:
    """An empty list would make a token that any server may take for its own."""
    grant = make_audience(sync_store)
    code = make_code(sync_store, grant, resources=BOTH)
    for result in (
        refresh(sync_store, grant, grant.refresh, resources=asked),
        redeem_code(sync_store, grant, code, resources=asked),
    ):
        assert (result.outcome, result.access_token_id) == ("invalid_target", None)
        assert result.resources == BOTH
    assert redeem_code(sync_store, grant, code, resources=[MAIL]).outcome == "redeemed"
    assert refresh(sync_store, grant, grant.refresh).outcome == "redeemed"


def test_a_retry_returns_the_resources_of_the_first_time(store: Store) -> None:
    grant = make_audience(store)
    code = make_code(store, grant, resources=BOTH)
    request: Fields = {"redemption_id": grant.family_id, "resources": [FILES]}
    first = redeem_code(store, grant, code, **request)
    again = redeem_code(store, grant, code, **request)
    assert (first.outcome, again.outcome) == ("redeemed", "already_redeemed")
    assert first.resources == again.resources == [FILES]


def test_a_token_without_resources_gets_none(store: Store) -> None:
    grant = make_grant(store)
    assert token_of(store, grant.access).resources == []
    refused = refresh(store, grant, grant.refresh, resources=[MAIL])
    assert refused.outcome == "invalid_target"
    assert refresh(store, grant, grant.refresh, resources=[]).outcome == "redeemed"


def test_a_resource_server_gets_only_its_own_tokens(store: Store) -> None:
    grant, anyones = make_audience(store), make_grant(store)
    for token, resource, finds in (
        (grant.access, MAIL, True),
        (grant.access, FILES, True),
        (grant.access, OTHER, False),
        (grant.access, None, True),
        (anyones.access, MAIL, False),
        (anyones.access, None, True),
    ):
        found = store.tokens.verify(
            tenant_id=token.tenant_id, token_hash=token.hash, resource=resource
        )
        assert (found is not None) is finds, resource


def test_a_code_needs_a_consent_that_covers_its_resources(store: Store) -> None:
    party = make_party(store)
    _, refused = issue_code(store, party, resources=[MAIL])
    assert refused.outcome == "consent_required"
    make_consent(store, party.client, party.user, resources=[MAIL])
    assert issue_code(store, party, resources=[MAIL])[1].outcome == "issued"
    assert issue_code(store, party, resources=BOTH)[1].outcome == "consent_required"
    consent = make_consent(store, party.client, party.user, resources=[FILES, MAIL])
    assert (consent.resources, consent.scopes) == (BOTH, ["email", "openid"])
    assert issue_code(store, party, resources=BOTH)[1].outcome == "issued"


def test_a_narrower_consent_stops_tokens_for_other_resources(store: Store) -> None:
    grant = make_audience(store)
    narrow = make_code(store, grant, resources=[FILES])
    consent = store.consents.narrow(**grant.of_consent, resources=[FILES, OTHER])
    assert consent is not None
    assert (consent.resources, consent.scopes) == ([FILES], ["email", "openid"])
    assert diagnose(store, grant.access).dead_because == "consent_narrowed"
    assert is_alive(store, narrow)
    make_consent(store, grant.client, grant.user, resources=[MAIL])
    assert is_alive(store, grant.access)


@pytest.mark.parametrize("asked", [*FEWER, *WRONG])
def test_an_exchanged_token_is_for_no_more_resources(
    sync_store: Store, asked: list[str] | None
) -> None:
    grant = make_audience(sync_store)
    minted, issued = exchange(
        sync_store, make_service(sync_store, grant), grant.access, resources=asked
    )
    if asked in WRONG:
        assert issued.outcome == "invalid_target"
        return
    kept = BOTH if asked is None else asked
    assert (issued.outcome, issued.resources) == ("issued", kept)
    assert token_of(sync_store, minted).resources == kept


def test_a_service_account_limits_the_resources_of_its_tokens(store: Store) -> None:
    party = make_party(store)
    account = make_service_account(
        store,
        party.tenant_id,
        allowed_resources=[MAIL],
        authorized_client_uuids=[party.client.id],
    )
    for account_id, resources, outcome in (
        (account.id, [MAIL], "issued"),
        (account.id, [], "issued"),
        (account.id, BOTH, "invalid_target"),
        (None, BOTH, "issued"),
    ):
        minted = party.mint("access")
        issued = store.grants.issue_to_client(
            tenant_id=party.tenant_id,
            token_hash=minted.hash,
            client_id=party.client.client_id,
            service_account_id=account_id,
            resources=resources,
            lifetime=DAY,
        )
        assert issued.outcome == outcome
        if outcome == "issued":
            assert token_of(store, minted).resources == resources


@pytest.mark.parametrize("asked", [*FEWER, *WRONG])
def test_a_user_approves_no_more_resources_than_a_device_requested(
    sync_store: Store, asked: list[str] | None
) -> None:
    party = make_party(sync_store)
    client = make_client(sync_store, party.tenant_id)
    make_consent(sync_store, client, party.user, resources=[*BOTH, OTHER])
    device = Party(client=client, user=party.user)
    code, user_code_hash = make_device(sync_store, client, resources=BOTH)
    seen = sync_store.device_authorizations.get_by_user_code(
        tenant_id=party.tenant_id, user_code_hash=user_code_hash
    )
    assert seen is not None
    assert seen.resources == BOTH
    approval = sync_store.device_authorizations.approve(
        tenant_id=party.tenant_id,
        user_code_hash=user_code_hash,
        user_id=party.user.id,
        authenticated_at=None,
        resources=asked,
    )
    if asked in WRONG:
        assert approval.outcome == "invalid_target"
        return
    assert approval.outcome == "approved"
    kept = BOTH if asked is None else asked
    assert (
        token_of(sync_store, code).resources
        == family_of(sync_store, code).resources
        == kept
    )
    redeemed = sync_store.redemptions.redeem_device_code(
        tenant_id=party.tenant_id,
        token_hash=code.hash,
        client_id=device.client.client_id,
        redemption_id=party.user.id,
        resources=kept[:1],
        access_token=new_token(party.mint("access")),
    )
    assert (redeemed.outcome, redeemed.resources) == ("redeemed", kept[:1])


@pytest.mark.parametrize("value", ["mail", "https://mail.example/#x", "/v1", ""])
def test_a_resource_is_an_absolute_uri_without_a_fragment(
    sync_store: Store, value: str
) -> None:
    party = make_party(sync_store)
    with refusal_of("resources"):
        issue_code(sync_store, party, resources=[value])
    with refusal_of("resources"):
        sync_store.consents.grant(**party.of_consent, scopes=[], resources=[value])
