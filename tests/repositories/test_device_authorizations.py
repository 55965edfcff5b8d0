from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import NewToken, Store, mint_token
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    MissingReferenceError,
    OpenTransactionError,
)
from authority_queries.records import (
    Client,
    DeviceApproval,
    DeviceApprovalOtherwise,
    DevicePoll,
    DevicePollOtherwise,
    DevicePollOutcome,
    Redemption,
    User,
)
from authority_queries.secrets import (
    TokenString,
    hash_user_code,
    mint_user_code,
    normalize_user_code,
)
from authority_queries.testing import Clock
from tests.factories import HOUR, make_client, make_device, make_tenant, make_user
from tests.refusals import refusal_of
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
Decide: TypeAlias = Callable[[Store, User, bytes], object]
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SCOPES = ["email", "openid"]
KEY = "k" * 43


@pytest.fixture
def client(store: Store) -> Client:
    """Make a client that needs no consent."""
    return make_client(store, make_tenant(store).id, consent_type="implicit")


@pytest.fixture
def user(store: Store, client: Client) -> User:
    return make_user(store, client.tenant_id)


def approve(
    store: Store, user: User, user_code_hash: bytes, **fields: Any
) -> DeviceApproval:
    return store.device_authorizations.approve(
        tenant_id=user.tenant_id,
        user_code_hash=user_code_hash,
        **{"user_id": user.id, "authenticated_at": None, **fields},
    )


def deny(store: Store, user: User, user_code_hash: bytes) -> bool:
    return store.device_authorizations.deny(
        tenant_id=user.tenant_id, user_code_hash=user_code_hash, user_id=user.id
    )


def poll(
    store: Store, client: Client, code: TokenString, cnf_jkt: str | None = None
) -> DevicePoll:
    return store.device_authorizations.poll(
        tenant_id=client.tenant_id,
        device_code_hash=code.hash,
        client_id=client.client_id,
        cnf_jkt=cnf_jkt,
    )


def redeem(
    store: Store, client: Client, code: TokenString, **fields: Any
) -> tuple[TokenString, Redemption]:
    """Redeem the device code; return the access token and the redemption."""
    access, refresh = (
        mint_token(kind, client.tenant_id) for kind in ("access", "refresh")
    )
    presented: Fields = {
        "client_id": client.client_id,
        "redemption_id": uuid4(),
        "access_token": NewToken(hash=access.hash, lifetime=HOUR),
        "refresh_token": NewToken(hash=refresh.hash, lifetime=24 * HOUR),
    }
    redemption = store.redemptions.redeem_device_code(
        tenant_id=client.tenant_id,
        token_hash=code.hash,
        **{**presented, **fields},
    )
    return access, redemption


def is_alive(store: Store, minted: TokenString) -> bool:
    found = store.tokens.verify(tenant_id=minted.tenant_id, token_hash=minted.hash)
    return found is not None


def look(store: Store, tenant_id: UUID, user_code_hash: bytes) -> UUID | None:
    found = store.device_authorizations.get_by_user_code(
        tenant_id=tenant_id, user_code_hash=user_code_hash
    )
    return found.id if found else None


def test_a_request_returns_the_poll_interval_and_the_scopes_to_approve(
    store: Store, client: Client
) -> None:
    user_code, device_code = (
        mint_user_code(),
        mint_token("device_code", client.tenant_id),
    )
    asked = store.device_authorizations.create(
        tenant_id=client.tenant_id,
        device_code_hash=device_code.hash,
        user_code_hash=hash_user_code(client.tenant_id, user_code),
        client_id=client.client_id,
        scopes=SCOPES,
        properties={"device": "television"},
    )
    assert asked.outcome == "created"
    assert asked.poll_interval == 5 * SECOND
    typed = user_code.lower().replace("-", " ")
    assert normalize_user_code(typed) == user_code
    shown = store.device_authorizations.get_by_user_code(
        tenant_id=client.tenant_id,
        user_code_hash=hash_user_code(client.tenant_id, typed),
    )
    assert shown is not None
    assert shown.id == asked.device_authorization_id
    assert (shown.client_uuid, shown.client_id) == (client.id, client.client_id)
    assert shown.client_display_name == client.display_name
    assert (shown.scopes, shown.properties) == (SCOPES, {"device": "television"})
    assert shown.expires_at == asked.expires_at
    assert shown.expires_at - shown.created_at == 10 * MINUTE


def test_an_approved_code_is_redeemed_once_for_what_the_user_allowed(
    store: Store, client: Client, user: User
) -> None:
    code, user_code = make_device(
        store, client, scopes=SCOPES, properties={"device": "television", "a": 1}
    )
    signed_in_at = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    approval = approve(
        store,
        user,
        user_code,
        properties={"sid": "s", "a": 2},
        authenticated_at=signed_in_at,
        family_lifetime=30 * MINUTE,
    )
    assert (approval.outcome, approval.scopes) == ("approved", SCOPES)
    assert poll(store, client, code).outcome == "approved"
    request = uuid4()
    access, redemption = redeem(store, client, code, redemption_id=request)
    assert redemption.outcome == "redeemed"
    assert redemption.authorization_id == approval.authorization_id
    assert (redemption.user_id, redemption.subject_id) == (user.id, user.subject_id)
    assert redemption.scopes == SCOPES
    assert redemption.properties == {"device": "television", "a": 2, "sid": "s"}
    assert redemption.authenticated_at == signed_in_at
    assert approval.authorization_id is not None
    family = store.authorizations.get_by_id(
        tenant_id=user.tenant_id, authorization_id=approval.authorization_id
    )
    assert family is not None
    assert family.expires_at == family.created_at + 30 * MINUTE
    # The family ends before the refresh token's lifetime.
    assert redemption.refresh_expires_at == family.expires_at
    assert is_alive(store, access)
    _, retry = redeem(store, client, code, redemption_id=request)
    assert retry.outcome == "already_redeemed"
    assert retry.access_token_id == redemption.access_token_id
    assert is_alive(store, access)
    assert redeem(store, client, code)[1].outcome == "reused"
    assert not is_alive(store, access)


def test_a_device_code_is_invalid_before_approval_and_after_denial(
    store: Store, client: Client, user: User
) -> None:
    code, user_code = make_device(store, client)
    assert redeem(store, client, code)[1].outcome == "invalid"
    assert deny(store, user, user_code)
    assert redeem(store, client, code)[1].outcome == "invalid"
    for _ in range(2):
        assert poll(store, client, code).outcome == "access_denied"


def test_a_decision_is_final(store: Store, client: Client, user: User) -> None:
    other = make_user(store, client.tenant_id)
    denied_code, denied = make_device(store, client)
    approved_code, approved = make_device(store, client)
    assert deny(store, user, denied)
    assert approve(store, user, approved).outcome == "approved"
    for user_code in (denied, approved):
        assert look(store, client.tenant_id, user_code) is None
        assert not deny(store, other, user_code)
        again = approve(store, other, user_code)
        assert again == DeviceApprovalOtherwise("invalid", None, None, None, None)
    assert poll(store, client, denied_code).outcome == "access_denied"
    assert redeem(store, client, approved_code)[1].user_id == user.id


def test_a_poll_that_comes_too_early_adds_5_seconds_for_good(
    store: Store, client: Client, clock: Clock
) -> None:
    code, _ = make_device(store, client)
    steps: list[tuple[int, DevicePollOutcome, int]] = [
        # Seconds since the last poll; outcome and interval afterwards.
        (0, "authorization_pending", 5),
        (4, "slow_down", 10),
        (6, "slow_down", 15),
        (15, "authorization_pending", 15),
        (16, "authorization_pending", 15),
        (14, "slow_down", 20),
        (20, "authorization_pending", 20),
    ]
    for seconds, outcome, interval in steps:
        clock.advance(seconds * SECOND)
        answer = poll(store, client, code)
        assert (answer.outcome, answer.poll_interval) == (outcome, interval * SECOND)


def test_the_interval_is_the_one_that_the_device_got(
    store: Store, client: Client, clock: Clock
) -> None:
    code, _ = make_device(store, client, poll_interval=2 * SECOND)
    for _ in range(3):
        assert poll(store, client, code).outcome == "authorization_pending"
        clock.advance(2 * SECOND)


def test_a_decision_is_returned_however_early_the_poll(
    store: Store, client: Client, user: User
) -> None:
    decisions: list[tuple[Decide, DevicePollOutcome]] = [
        (approve, "approved"),
        (deny, "access_denied"),
    ]
    for decide, outcome in decisions:
        code, user_code = make_device(store, client)
        poll(store, client, code)
        assert poll(store, client, code).outcome == "slow_down"
        assert decide(store, user, user_code)
        for _ in range(3):
            answer = poll(store, client, code)
            assert (answer.outcome, answer.poll_interval) == (outcome, 10 * SECOND)


def test_a_device_that_lost_its_answer_keeps_its_family(
    store: Store, client: Client, user: User, clock: Clock
) -> None:
    code, user_code = make_device(store, client)
    approve(store, user, user_code)
    access, first = redeem(store, client, code)
    late: Fields = {"leeway": 10 * SECOND}
    assert poll(store, client, code).outcome == "approved"
    _, again = redeem(store, client, code, **late)
    assert again.outcome == "recently_redeemed"
    assert again.access_token_id == first.access_token_id
    assert again.refresh_token_id == first.refresh_token_id
    assert is_alive(store, access)
    clock.advance(10 * SECOND)
    assert redeem(store, client, code, **late)[1].outcome == "reused"
    assert not is_alive(store, access)


def test_an_expired_request_can_neither_be_decided_nor_redeemed(
    store: Store, client: Client, user: User, clock: Clock
) -> None:
    pending_code, pending = make_device(store, client, lifetime=MINUTE)
    denied_code, denied = make_device(store, client, lifetime=MINUTE)
    late_code, late = make_device(store, client, lifetime=MINUTE)
    fetched_code, fetched = make_device(store, client, lifetime=MINUTE)
    deny(store, user, denied)
    approve(store, user, late)
    approve(store, user, fetched)
    access, _ = redeem(store, client, fetched_code)
    clock.advance(MINUTE)
    assert look(store, client.tenant_id, pending) is None
    assert approve(store, user, pending).outcome == "invalid"
    assert not deny(store, user, pending)
    for _ in range(2):
        assert poll(store, client, pending_code).outcome == "expired_token"
    assert poll(store, client, denied_code).outcome == "access_denied"
    assert poll(store, client, late_code).outcome == "expired_token"
    assert redeem(store, client, late_code)[1].outcome == "invalid"
    # Redeemed tokens stay alive, and reuse of the code is still detected.
    assert is_alive(store, access)
    assert poll(store, client, fetched_code).outcome == "approved"
    assert redeem(store, client, fetched_code)[1].outcome == "reused"
    assert not is_alive(store, access)


def test_a_poll_for_a_foreign_code_reveals_and_changes_nothing(
    store: Store, dba: Dba, client: Client
) -> None:
    code, _ = make_device(store, client)
    bound, _ = make_device(store, client, cnf_jkt=KEY)
    nothing = DevicePollOtherwise("invalid", None)
    tenant_id = client.tenant_id
    thief = make_client(store, tenant_id)
    namesake = make_client(store, make_tenant(store).id, client_id=client.client_id)
    assert poll(store, thief, code) == nothing
    assert poll(store, namesake, code) == nothing
    assert poll(store, client, mint_token("device_code", tenant_id)) == nothing
    assert poll(store, client, bound) == nothing
    assert poll(store, client, bound, "j" * 43) == nothing
    dba.execute("update authority.clients set enabled = id <> %s", [client.id])
    assert poll(store, client, code) == nothing
    dba.execute("update authority.clients set enabled = true")
    # No poll was counted.
    for each, key in ((code, None), (bound, KEY)):
        assert poll(store, client, each, key).outcome == "authorization_pending"


def test_a_bound_code_is_redeemed_with_its_key(
    store: Store, client: Client, user: User
) -> None:
    code, user_code = make_device(store, client, cnf_jkt=KEY)
    approve(store, user, user_code)
    assert poll(store, client, code).outcome == "invalid"
    assert poll(store, client, code, KEY).outcome == "approved"
    assert redeem(store, client, code)[1].outcome == "invalid"
    assert redeem(store, client, code, cnf_jkt=KEY)[1].outcome == "redeemed"


def test_polls_are_refused_in_a_transaction(
    store: Store, logins: Logins, client: Client
) -> None:
    code, _ = make_device(store, client)
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        Store.unit(connection, client.tenant_id) as unit,
        pytest.raises(OpenTransactionError, match=r"device_authorizations\.poll"),
    ):
        poll(unit, client, code)


def test_a_decision_can_be_rolled_back(
    store: Store, logins: Logins, client: Client, user: User
) -> None:
    code, user_code = make_device(store, client)
    for decide in (approve, deny):
        with psycopg.connect(logins.app_for(client.tenant_id)) as connection:
            assert decide(Store(connection), user, user_code)
            connection.rollback()
    assert poll(store, client, code).outcome == "authorization_pending"
    assert redeem(store, client, code)[1].outcome == "invalid"
    assert approve(store, user, user_code).outcome == "approved"


def test_an_approval_needs_the_users_consent_and_ends_with_it(store: Store) -> None:
    client = make_client(store, make_tenant(store).id, consent_type="explicit")
    user = make_user(store, client.tenant_id)
    pair: Fields = {
        "tenant_id": client.tenant_id,
        "user_id": user.id,
        "client_id": client.client_id,
    }
    code, user_code = make_device(store, client, scopes=SCOPES)
    assert approve(store, user, user_code).outcome == "consent_required"
    store.consents.grant(**pair, scopes=["openid"])
    assert approve(store, user, user_code).outcome == "consent_required"
    # The request is still pending.
    assert poll(store, client, code).outcome == "authorization_pending"
    approval = approve(store, user, user_code, scopes=["openid"])
    assert (approval.outcome, approval.scopes) == ("approved", ["openid"])
    access, redemption = redeem(store, client, code)
    assert redemption.scopes == ["openid"]
    assert is_alive(store, access)
    assert store.consents.revoke(**pair, reason="withdrawn")
    assert not is_alive(store, access)


def test_an_approval_is_refused_for_more_scopes_and_for_inactive_parties(
    store: Store, dba: Dba, client: Client, user: User
) -> None:
    _, user_code = make_device(store, client, scopes=["openid"])
    assert approve(store, user, user_code, scopes=SCOPES).outcome == "invalid_scope"
    nobody = approve(store, user, user_code, user_id=uuid4())
    assert nobody.outcome == "user_inactive"
    stranger = make_user(store, make_tenant(store).id)
    foreign = approve(store, user, user_code, user_id=stranger.id)
    assert foreign.outcome == "user_inactive"
    assert approve(store, stranger, user_code).outcome == "invalid"
    dba.execute("update authority.users set status = 'suspended'")
    assert approve(store, user, user_code).outcome == "user_inactive"
    dba.execute("update authority.users set status = 'active'")
    dba.execute("update authority.clients set enabled = false")
    assert approve(store, user, user_code).outcome == "client_inactive"
    assert look(store, client.tenant_id, user_code) is None
    dba.execute("update authority.clients set enabled = true")
    assert approve(store, user, user_code).outcome == "approved"


def test_a_sign_out_between_approval_and_redemption_kills_the_code(
    store: Store, client: Client, user: User
) -> None:
    code, user_code = make_device(store, client)
    approve(store, user, user_code)
    store.users.revoke_tokens(tenant_id=user.tenant_id, user_id=user.id)
    assert redeem(store, client, code)[1].outcome == "invalid"


def test_an_unknown_or_disabled_client_cannot_create_a_request(
    store: Store, dba: Dba, client: Client
) -> None:
    request: Fields = {
        "tenant_id": client.tenant_id,
        "device_code_hash": bytes(32),
        "user_code_hash": bytes(32),
    }
    create = store.device_authorizations.create
    dba.execute("update authority.clients set enabled = false")
    for client_id in (client.client_id, "nobody"):
        refused = create(**request, client_id=client_id)
        assert refused.outcome == "client_inactive"
        assert refused.device_authorization_id is None


def test_a_duplicate_code_is_refused_in_its_tenant(
    store: Store, client: Client
) -> None:
    code, user_code = make_device(store, client)
    with pytest.raises(DuplicateError, match="user_code_hash"):
        make_device(store, client, user_code_hash=user_code)
    with pytest.raises(DuplicateError, match="device_code_hash"):
        make_device(store, client, device_code_hash=code.hash)
    elsewhere = make_client(store, make_tenant(store).id)
    make_device(store, elsewhere, user_code_hash=user_code, device_code_hash=code.hash)


WRONG: list[Fields] = [
    {"lifetime": 30 * MINUTE + SECOND},
    {"cnf_jkt": "short"},
    {"scopes": ["openid", None]},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_values_that_the_table_does_not_allow_are_refused(
    store: Store, client: Client, wrong: Fields
) -> None:
    with refusal_of(*wrong):
        make_device(store, client, **wrong)
    make_device(store, client, lifetime=30 * MINUTE)


RAW: list[Fields] = [
    {"device_code_hash": b"WDJB-MJHT"},
    {"user_code_hash": b"WDJB-MJHT"},
    {"user_code_hash": "WDJB-MJHT"},
    {"lifetime": timedelta(0)},
    {"poll_interval": timedelta(0)},
]


@pytest.mark.parametrize("raw", RAW)
def test_a_raw_code_or_a_lifetime_of_zero_is_refused_before_it_is_sent(
    store: Store, client: Client, raw: Fields
) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(raw))) as refusal:
        make_device(store, client, **raw)
    assert "WDJB" not in str(refusal.value)


def test_an_unknown_user_cannot_deny(store: Store, client: Client) -> None:
    code, user_code = make_device(store, client)
    with pytest.raises(MissingReferenceError):
        store.device_authorizations.deny(
            tenant_id=client.tenant_id, user_code_hash=user_code, user_id=uuid4()
        )
    assert poll(store, client, code).outcome == "authorization_pending"


def test_a_deleted_user_leaves_no_decision(
    store: Store, dba: Dba, client: Client, user: User
) -> None:
    code, user_code = make_device(store, client)
    make_device(store, make_client(store, client.tenant_id))
    approve(store, user, user_code)
    assert store.users.delete(tenant_id=user.tenant_id, user_id=user.id)
    assert poll(store, client, code).outcome == "invalid"
    for other in store.clients.list(tenant_id=client.tenant_id).items:
        assert store.clients.delete(tenant_id=client.tenant_id, client_uuid=other.id)
    left = dba.execute("select from authority.device_authorizations").fetchall()
    assert left == []


def test_pruning_deletes_expired_requests_and_keeps_redeemed_tokens(
    store: Store, client: Client, user: User, clock: Clock
) -> None:
    prune = store.device_authorizations.prune_expired
    old_code, old_user_code = make_device(store, client, lifetime=MINUTE)
    make_device(store, make_client(store, make_tenant(store).id), lifetime=MINUTE)
    approve(store, user, old_user_code)
    access, _ = redeem(store, client, old_code)
    clock.advance(30 * MINUTE)
    code, _ = make_device(store, client)
    assert prune() == 0
    assert prune(older_than=30 * MINUTE) == 0
    assert prune(older_than=28 * MINUTE, batch_size=1) == 1
    assert prune(older_than=28 * MINUTE) == 1
    assert prune(older_than=timedelta(0)) == 0
    assert is_alive(store, access)
    assert poll(store, client, old_code).outcome == "invalid"
    assert poll(store, client, code).outcome == "authorization_pending"


def test_pruning_skips_locked_rows(
    store: Store, logins: Logins, client: Client, clock: Clock
) -> None:
    make_device(store, client)
    make_device(store, client)
    clock.advance(48 * HOUR)
    prune = store.device_authorizations.prune_expired
    with psycopg.connect(logins.maintenance) as other:
        assert Store(other).device_authorizations.prune_expired(batch_size=1) == 1
        assert prune() == 1
        assert prune() == 0
