"""Sign-out everywhere: one row, which the next verification reads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.records import (
    Client,
    ServiceAccount,
    Tenant,
    TokenDiagnosisDeadBecause,
    User,
)
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_client,
    make_device,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.repositories.grant_helpers import (
    CALLBACK,
    NOTHING,
    Party,
    count,
    is_alive,
    issue_code,
    make_code,
    make_grant,
    make_party,
    next_refresh,
    redeem_code,
    refresh,
)
from tests.repositories.token_helpers import Dba, Fields, diagnose, verify

MICROSECOND = timedelta(microseconds=1)

Owner = User | Client | Tenant | ServiceAccount | None
Move = Callable[[Store, Party], Owner]

EPOCHS: dict[TokenDiagnosisDeadBecause, Move] = {
    "user_signed_out": lambda store, party: store.users.revoke_tokens(
        tenant_id=party.tenant_id, user_id=party.user.id
    ),
    "client_signed_out": lambda store, party: store.clients.revoke_tokens(
        tenant_id=party.tenant_id, client_uuid=party.client.id
    ),
    "tenant_signed_out": lambda store, party: store.tenants.revoke_tokens(
        tenant_id=party.tenant_id
    ),
}
EACH = pytest.mark.parametrize("reason", EPOCHS)


@EACH
def test_tokens_issued_before_the_epoch_are_dead_and_later_ones_live(
    store: Store, reason: TokenDiagnosisDeadBecause
) -> None:
    party = make_party(store, consent_type="implicit")
    before, code = make_grant(store, party), make_code(store, party)
    owner = EPOCHS[reason](store, party)
    assert owner is not None
    assert owner.tokens_valid_after is not None
    assert owner.row_version == 2
    for minted in (before.access, before.refresh, code):
        assert diagnose(store, minted).dead_because == reason
    assert refresh(store, before, before.refresh) == NOTHING
    assert redeem_code(store, party, code) == NOTHING
    after = make_grant(store, party)
    assert is_alive(store, after.access)
    assert is_alive(store, next_refresh(store, after, after.refresh))
    assert not is_alive(store, before.access)


@EACH
def test_an_epoch_never_moves_back(
    store: Store, clock: Clock, reason: TokenDiagnosisDeadBecause
) -> None:
    party = make_party(store)
    clock.advance(HOUR)
    first = EPOCHS[reason](store, party)
    clock.advance(-HOUR)
    second = EPOCHS[reason](store, party)
    assert first is not None
    assert second is not None
    assert second.tokens_valid_after == first.tokens_valid_after
    clock.advance(2 * HOUR)
    third = EPOCHS[reason](store, party)
    assert third is not None
    assert first.tokens_valid_after is not None
    assert third.tokens_valid_after is not None
    assert third.tokens_valid_after > first.tokens_valid_after


@pytest.mark.parametrize("reason", ["user_signed_out", "tenant_signed_out"])
def test_a_sign_in_before_the_epoch_is_granted_nothing(
    store: Store, dba: Dba, reason: TokenDiagnosisDeadBecause
) -> None:
    party = make_party(store)
    _, user_code = make_device(store, party.client, scopes=["openid"])
    owner = EPOCHS[reason](store, party)
    assert owner is not None
    assert owner.tokens_valid_after is not None
    device: Fields = {
        "tenant_id": party.tenant_id,
        "user_code_hash": user_code,
        "user_id": party.user.id,
    }
    for authenticated_at in (owner.tokens_valid_after, party.user.created_at - HOUR):
        then: Fields = {"authenticated_at": authenticated_at}
        assert issue_code(store, party, **then)[1].outcome == "login_required"
        approval = store.device_authorizations.approve(**device, **then)
        assert (approval.outcome, approval.token_id) == ("login_required", None)
    assert (count(dba, "authorizations"), count(dba, "tokens")) == (0, 0)
    again: Fields = {"authenticated_at": owner.tokens_valid_after + MICROSECOND}
    assert issue_code(store, party, **again)[1].outcome == "issued"
    approval = store.device_authorizations.approve(**device, **again)
    assert approval.outcome == "approved"


@pytest.mark.parametrize("reason", ["user_signed_out", "tenant_signed_out"])
def test_an_authenticated_at_ahead_of_the_clock_does_not_survive_a_sign_out(
    store: Store, dba: Dba, clock: Clock, reason: TokenDiagnosisDeadBecause
) -> None:
    clock.freeze(datetime.now(UTC))
    party = make_party(store)
    _, user_code = make_device(store, party.client, scopes=["openid"])
    owner = EPOCHS[reason](store, party)
    assert owner is not None
    assert owner.tokens_valid_after is not None
    device: Fields = {
        "tenant_id": party.tenant_id,
        "user_code_hash": user_code,
        "user_id": party.user.id,
    }
    for ahead in (MICROSECOND, timedelta(seconds=45), MINUTE):
        clock.freeze(owner.tokens_valid_after + timedelta(seconds=10))
        claim: Fields = {
            "authenticated_at": owner.tokens_valid_after + timedelta(seconds=10) + ahead
        }
        assert issue_code(store, party, **claim)[1].outcome == "login_required"
        approval = store.device_authorizations.approve(**device, **claim)
        assert approval.outcome == "login_required"
        minted, _ = make_token(store, party.client, user_id=party.user.id, **claim)
        assert diagnose(store, minted).dead_because == reason
    clock.freeze(owner.tokens_valid_after + MINUTE + MICROSECOND)
    claim = {"authenticated_at": owner.tokens_valid_after + 2 * MINUTE}
    # An epoch older than the tolerance is before any accepted claim.
    assert issue_code(store, party, **claim)[1].outcome == "issued"
    assert store.device_authorizations.approve(**device, **claim).token_id
    minted, _ = make_token(store, party.client, user_id=party.user.id, **claim)
    assert is_alive(store, minted)


@EACH
def test_the_epoch_of_another_owner_changes_nothing(
    store: Store, reason: TokenDiagnosisDeadBecause
) -> None:
    grant, other = make_grant(store), make_party(store)
    EPOCHS[reason](store, other)
    if reason == "tenant_signed_out":
        assert is_alive(store, grant.access)
        return
    neighbour = Party(
        client=make_client(store, grant.tenant_id),
        user=make_user(store, grant.tenant_id),
    )
    EPOCHS[reason](store, neighbour)
    assert is_alive(store, grant.access)


def test_an_unknown_owner_has_no_epoch(store: Store) -> None:
    tenant_id, nobody = make_tenant(store).id, uuid4()
    account: Fields = {"tenant_id": tenant_id, "service_account_id": nobody}
    assert store.users.revoke_tokens(tenant_id=tenant_id, user_id=nobody) is None
    assert store.clients.revoke_tokens(tenant_id=tenant_id, client_uuid=nobody) is None
    assert store.tenants.revoke_tokens(tenant_id=nobody) is None
    assert store.service_accounts.revoke_tokens(**account) is None


def test_another_tenant_cannot_move_an_epoch(store: Store) -> None:
    grant, elsewhere = make_grant(store), make_tenant(store).id
    account = make_service_account(store, grant.tenant_id)
    theirs: Fields = {"tenant_id": elsewhere, "service_account_id": account.id}
    users, clients = store.users, store.clients
    assert users.revoke_tokens(tenant_id=elsewhere, user_id=grant.user.id) is None
    assert (
        clients.revoke_tokens(tenant_id=elsewhere, client_uuid=grant.client.id) is None
    )
    assert store.service_accounts.revoke_tokens(**theirs) is None
    assert is_alive(store, grant.access)


def test_a_sign_in_before_a_clients_epoch_allows_new_codes(
    store: Store, clock: Clock
) -> None:
    party = make_party(store)
    signed_in = party.user.created_at
    clock.advance(HOUR)
    # A session that is still signed in requests new codes.
    EPOCHS["client_signed_out"](store, party)
    code = make_code(store, party, authenticated_at=signed_in)
    assert is_alive(store, code)


def test_a_clients_epoch_ends_its_families_however_young_the_token(
    store: Store, clock: Clock
) -> None:
    grant = make_grant(store)
    clock.advance(HOUR)
    EPOCHS["client_signed_out"](store, grant)
    assert refresh(store, grant, grant.refresh) == NOTHING
    # As if a concurrent rotation had issued it.
    late, _ = make_token(
        store, grant.client, "refresh", authorization_id=grant.family_id
    )
    assert diagnose(store, late).dead_because == "client_signed_out"


def test_a_users_epoch_reaches_its_tokens_at_every_client(store: Store) -> None:
    grant = make_grant(store)
    other = make_client(
        store, grant.tenant_id, consent_type="implicit", redirect_uris=[CALLBACK]
    )
    elsewhere = make_grant(store, Party(client=other, user=grant.user))
    EPOCHS["user_signed_out"](store, grant)
    assert not is_alive(store, grant.access)
    assert not is_alive(store, elsewhere.access)


def test_a_clients_epoch_does_not_affect_the_users_other_clients(store: Store) -> None:
    grant = make_grant(store)
    other = make_client(
        store, grant.tenant_id, consent_type="implicit", redirect_uris=[CALLBACK]
    )
    elsewhere = make_grant(store, Party(client=other, user=grant.user))
    EPOCHS["client_signed_out"](store, grant)
    assert not is_alive(store, grant.access)
    assert is_alive(store, elsewhere.access)


def test_machines_have_epochs_too(store: Store, dba: Dba) -> None:
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(
        store, client.tenant_id, authorized_client_uuids=[client.id]
    )
    of_account, _ = make_token(store, client, service_account_id=account.id)
    of_client, _ = make_token(store, client)
    moved = store.service_accounts.revoke_tokens(
        tenant_id=client.tenant_id, service_account_id=account.id
    )
    assert moved is not None
    assert moved.tokens_valid_after is not None
    assert moved.row_version == 2
    assert verify(store, of_account) is None
    assert diagnose(store, of_account).dead_because == "service_account_signed_out"
    assert verify(store, of_client) is not None
    store.clients.revoke_tokens(tenant_id=client.tenant_id, client_uuid=client.id)
    assert diagnose(store, of_client).dead_because == "client_signed_out"
    again, _ = make_token(store, client, service_account_id=account.id)
    assert verify(store, again) is not None
    store.tenants.revoke_tokens(tenant_id=client.tenant_id)
    assert diagnose(store, again).dead_because == "tenant_signed_out"


def test_epochs_are_read_with_their_owners(store: Store) -> None:
    party = make_party(store)
    account = make_service_account(store, party.tenant_id)
    for move in EPOCHS.values():
        move(store, party)
    key: Fields = {"tenant_id": party.tenant_id, "service_account_id": account.id}
    store.service_accounts.revoke_tokens(**key)
    found = (
        store.users.get_by_id(tenant_id=party.tenant_id, user_id=party.user.id),
        store.clients.get_by_id(tenant_id=party.tenant_id, client_uuid=party.client.id),
        store.tenants.get_by_id(tenant_id=party.tenant_id),
        store.service_accounts.get_by_id(**key),
    )
    assert all(owner and owner.tokens_valid_after for owner in found)
