"""How the user signed in, and what a request requires of it (RFC 9470)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from authority_queries import Store, is_sign_in_sufficient
from authority_queries.records import VerifiedToken
from authority_queries.testing import Clock
from tests.factories import HOUR, MINUTE, make_device
from tests.refusals import refusal_of
from tests.repositories.exchange_helpers import exchanged, make_service
from tests.repositories.grant_helpers import (
    Party,
    family_of,
    issue_code,
    make_grant,
    make_party,
    refresh,
)
from tests.repositories.token_helpers import Fields, verify

NOW = datetime(2030, 3, 9, 12, tzinfo=UTC)
NOTHING = timedelta(0)
SECOND = timedelta(seconds=1)
SILVER: Fields = {"acr": "urn:silver", "amr": ["pwd", "otp"]}


def test_every_token_of_a_family_knows_how_the_user_signed_in(store: Store) -> None:
    grant = make_grant(store, code=SILVER)
    family = family_of(store, grant.access)
    assert (family.acr, family.amr) == ("urn:silver", ["pwd", "otp"])
    exchange = exchanged(store, make_service(store, grant), grant.access)
    for token in (grant.access, exchange):
        found = verify(store, token)
        assert found is not None
        assert (found.acr, found.amr) == ("urn:silver", ["pwd", "otp"])
    result = refresh(store, grant, grant.refresh)
    assert (result.acr, result.amr) == ("urn:silver", ["pwd", "otp"])


def test_a_sign_in_may_be_unknown(store: Store) -> None:
    grant = make_grant(store)
    found = verify(store, grant.access)
    assert found is not None
    assert (found.acr, found.amr) == (None, None)


def outcomes(store: Store, party: Party, **fields: object) -> set[str]:
    """Return the outcomes of a code and of a device's approval."""
    _, user_code_hash = make_device(store, party.client)
    asked: Fields = {"authenticated_at": NOW, **fields}
    approval = store.device_authorizations.approve(
        tenant_id=party.tenant_id,
        user_code_hash=user_code_hash,
        user_id=party.user.id,
        **asked,
    )
    _, issued = issue_code(store, party, **asked)
    return {"issued" if approval.outcome == "approved" else approval.outcome} | {
        issued.outcome
    }


@pytest.mark.parametrize(
    ("ages", "max_age", "outcome"),
    [
        ((HOUR, None), HOUR, "issued"),
        ((HOUR, None), HOUR - SECOND, "login_required"),
        ((HOUR, None), None, "issued"),
        # The age counts until the request, not until the consent page was sent.
        ((HOUR, MINUTE), HOUR - MINUTE, "issued"),
        ((HOUR, MINUTE), HOUR - MINUTE - SECOND, "login_required"),
        # A max_age of 0 is prompt=login: signed in after the request.
        ((SECOND, MINUTE), NOTHING, "issued"),
        ((MINUTE, MINUTE), NOTHING, "issued"),
        ((MINUTE + SECOND, MINUTE), NOTHING, "login_required"),
        ((SECOND, None), NOTHING, "login_required"),
        ((NOTHING, None), NOTHING, "issued"),
        # A host's clock that is fast by up to a minute asks nobody twice.
        ((-30 * SECOND, None), NOTHING, "issued"),
    ],
)
def test_a_sign_in_is_no_older_than_max_age(
    sync_store: Store,
    clock: Clock,
    ages: tuple[timedelta, timedelta | None],
    max_age: timedelta | None,
    outcome: str,
) -> None:
    clock.freeze(NOW)
    party = make_party(sync_store)
    signed_in_ago, requested_ago = ages
    fields: Fields = {
        "authenticated_at": NOW - signed_in_ago,
        "requested_at": None if requested_ago is None else NOW - requested_ago,
        "max_age": max_age,
    }
    assert outcomes(sync_store, party, **fields) == {outcome}


def test_a_sign_in_at_this_moment_is_fresh(store: Store) -> None:
    party = make_party(store)
    _, issued = issue_code(store, party, authenticated_at=None, max_age=NOTHING)
    assert issued.outcome == "issued"


@pytest.mark.parametrize(
    ("acr", "values", "is_met"),
    [
        ("urn:silver", ["urn:gold", "urn:silver"], True),
        ("urn:silver", None, True),
        (None, None, True),
        ("urn:silver", ["urn:gold"], False),
        ("urn:silver", ["URN:SILVER"], False),
        (None, ["urn:gold"], False),
    ],
)
def test_a_sign_in_meets_one_of_the_acr_values(
    sync_store: Store,
    clock: Clock,
    *,
    acr: str | None,
    values: list[str] | None,
    is_met: bool,
) -> None:
    clock.freeze(NOW)
    party = make_party(sync_store)
    outcome = "issued" if is_met else "unmet_authentication_requirements"
    assert outcomes(sync_store, party, acr=acr, acr_values=values) == {outcome}


def test_a_new_sign_in_comes_before_a_stronger_one(store: Store, clock: Clock) -> None:
    clock.freeze(NOW)
    party = make_party(store)
    both: Fields = {
        "authenticated_at": NOW - HOUR,
        "max_age": MINUTE,
        "acr_values": ["urn:gold"],
    }
    assert outcomes(store, party, **both) == {"login_required"}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("acr", "two words"),
        ("acr", ""),
        ("acr", "a" * 256),
        ("amr", ["pwd", ""]),
        ("amr", ["pwd", "pwd"]),
        ("max_age", -SECOND),
        ("acr_values", []),
    ],
)
def test_a_malformed_requirement_is_refused(
    sync_store: Store, argument: str, value: object
) -> None:
    with refusal_of(argument):
        issue_code(sync_store, make_party(sync_store), **{argument: value})


def test_a_resource_server_decides_whether_the_sign_in_suffices(store: Store) -> None:
    grant = make_grant(store, code=SILVER)
    found = verify(store, grant.access)
    assert found is not None
    now = found.authenticated_at + HOUR
    unknown: VerifiedToken = replace(found, acr=None)
    for token, required, suffices in (
        (found, {}, True),
        (found, {"acr_values": ["urn:gold", "urn:silver"]}, True),
        (found, {"acr_values": ["urn:gold"]}, False),
        (found, {"acr_values": []}, False),
        (unknown, {"acr_values": ["urn:gold"]}, False),
        (found, {"max_age": HOUR}, True),
        (found, {"max_age": HOUR - SECOND}, False),
        (found, {"max_age": HOUR, "acr_values": ["urn:gold"]}, False),
    ):
        asked: Fields = dict(required)
        assert is_sign_in_sufficient(token, now=now, **asked) is suffices, required
