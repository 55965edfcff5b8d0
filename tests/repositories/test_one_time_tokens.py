from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store, mint_token
from authority_queries.errors import (
    InvalidArgumentError,
    InvalidValueError,
    OpenTransactionError,
)
from authority_queries.records import OneTimeTokenPurpose, User
from authority_queries.secrets import hash_one_time_code
from authority_queries.testing import Clock
from tests.factories import PHC, make_session, make_tenant, make_user
from tests.repositories.paging import pages_of
from tests.stores import Logins

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NEW_PHC = PHC.replace("t=3", "t=4")
PURPOSES: list[OneTimeTokenPurpose] = [
    "password_reset",
    "email_verification",
    "invitation",
    "sign_in",
]


def make_ann(store: Store, **fields: Any) -> User:
    defaults = {"email": "Ann@example.com", "password_hash": PHC}
    return make_user(store, make_tenant(store).id, **{**defaults, **fields})


def send(
    store: Store,
    user: User,
    purpose: OneTimeTokenPurpose = "password_reset",
    **fields: Any,
) -> tuple[bytes, Any]:
    """Create a token with a link, and return its hash and the outcome."""
    token = mint_token("one_time", user.tenant_id)
    defaults = {
        "user_id": user.id,
        "token_hash": token.hash,
        "resend_after": timedelta(0),
    }
    created = store.one_time_tokens.create(
        tenant_id=user.tenant_id, purpose=purpose, **{**defaults, **fields}
    )
    return token.hash, created


def redeem(
    store: Store,
    user: User,
    token_hash: bytes,
    purpose: OneTimeTokenPurpose = "password_reset",
) -> str:
    redeemed: Any = store.one_time_tokens.redeem(
        tenant_id=user.tenant_id, purpose=purpose, token_hash=token_hash
    )
    return str(redeemed.outcome)


def code_of(user: User, code: str, purpose: str = "sign_in") -> bytes:
    return hash_one_time_code(user.tenant_id, purpose, code)


def guess(store: Store, user: User, code: str, **recipient: Any) -> str:
    redeemed: Any = store.one_time_tokens.redeem_code(
        tenant_id=user.tenant_id,
        purpose="sign_in",
        code_hash=code_of(user, code),
        **(recipient or {"user_id": user.id}),
    )
    return str(redeemed.outcome)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_link_is_used_once_for_its_purpose(
    store: Store, purpose: OneTimeTokenPurpose
) -> None:
    ann = make_ann(store)
    token_hash, created = send(store, ann, purpose, properties={"roles": ["auditor"]})
    assert (created.outcome, created.email) == ("created", "Ann@example.com")
    for other in PURPOSES:
        if other != purpose:
            assert redeem(store, ann, token_hash, other) == "invalid"
    seen = store.one_time_tokens.get_by_token(
        tenant_id=ann.tenant_id, purpose=purpose, token_hash=token_hash
    )
    assert seen is not None
    assert seen.properties == {"roles": ["auditor"]}
    redeemed = store.one_time_tokens.redeem(
        tenant_id=ann.tenant_id, purpose=purpose, token_hash=token_hash
    )
    assert redeemed.outcome == "redeemed"
    assert (redeemed.token_id, redeemed.user_id) == (created.token_id, ann.id)
    assert (redeemed.email, redeemed.properties) == (seen.email, seen.properties)
    assert redeem(store, ann, token_hash, purpose) == "invalid"
    assert not store.one_time_tokens.get_by_token(
        tenant_id=ann.tenant_id, purpose=purpose, token_hash=token_hash
    )


def test_a_newer_token_ends_the_older_of_the_same_purpose_and_user(
    store: Store,
) -> None:
    ann = make_ann(store)
    bob = make_user(store, ann.tenant_id, email=ann.email)
    first, _ = send(store, ann)
    others = [send(store, ann, "sign_in")[0], send(store, bob)[0]]
    second, _ = send(store, ann)
    assert redeem(store, ann, first) == "invalid"
    assert redeem(store, ann, others[0], "sign_in") == "redeemed"
    assert redeem(store, bob, others[1]) == "redeemed"
    assert redeem(store, ann, second) == "redeemed"
    third, _ = send(store, ann)
    assert redeem(store, ann, third) == "redeemed"


def test_an_unused_token_is_not_sent_again_too_soon(store: Store, clock: Clock) -> None:
    ann = make_ann(store)
    first, _ = send(store, ann)
    second, again = send(store, ann, resend_after=MINUTE)
    assert (again.outcome, again.token_id, again.email) == ("too_soon", None, None)
    assert redeem(store, ann, second) == "invalid"
    clock.advance(MINUTE)
    third, later = send(store, ann, resend_after=MINUTE)
    assert later.outcome == "created"
    assert redeem(store, ann, first) == "invalid"
    assert redeem(store, ann, third) == "redeemed"
    assert send(store, ann, resend_after=MINUTE)[1].outcome == "created"


def test_an_expired_token_is_dead(store: Store, clock: Clock) -> None:
    ann = make_ann(store)
    token_hash, _ = send(store, ann, lifetime=MINUTE)
    clock.advance(MINUTE)
    assert redeem(store, ann, token_hash) == "invalid"


@pytest.mark.parametrize(
    ("purpose", "longest"),
    [
        ("password_reset", DAY),
        ("email_verification", 7 * DAY),
        ("invitation", 30 * DAY),
        ("sign_in", 60 * MINUTE),
    ],
)
def test_the_lifetime_is_bounded_by_purpose(
    store: Store, purpose: OneTimeTokenPurpose, longest: timedelta
) -> None:
    ann = make_ann(store)
    second = timedelta(seconds=1)
    assert send(store, ann, purpose)[1].outcome == "created"
    assert send(store, ann, purpose, lifetime=longest)[1].outcome == "created"
    with pytest.raises(InvalidValueError, match="lifetime must be"):
        send(store, ann, purpose, lifetime=longest + second)
    with pytest.raises(InvalidValueError, match="lifetime must be"):
        send(
            store,
            ann,
            purpose,
            code_hash=code_of(ann, "123456"),
            lifetime=30 * MINUTE + second,
        )


def test_a_reset_sets_the_password_and_signs_out_everywhere(store: Store) -> None:
    ann = make_ann(store)
    token_hash, _ = send(store, ann)
    reset = store.one_time_tokens.reset_password(
        tenant_id=ann.tenant_id, token_hash=token_hash, password_hash=NEW_PHC
    )
    assert reset.outcome == "redeemed"
    changed = store.users.get_by_id(tenant_id=ann.tenant_id, user_id=ann.id)
    assert changed is not None
    assert changed.password_hash == NEW_PHC
    assert changed.tokens_valid_after is not None
    assert not changed.email_verified
    again = store.one_time_tokens.reset_password(
        tenant_id=ann.tenant_id, token_hash=token_hash, password_hash=PHC
    )
    assert again.outcome == "invalid"
    assert store.users.get_by_id(tenant_id=ann.tenant_id, user_id=ann.id) == changed


def test_a_reset_by_code_needs_the_user_and_the_code(store: Store) -> None:
    ann = make_ann(store)
    right = code_of(ann, "123456", "password_reset")
    send(store, ann, code_hash=right)

    def reset(user_id: UUID, code_hash: bytes) -> str:
        return store.one_time_tokens.reset_password(
            tenant_id=ann.tenant_id,
            user_id=user_id,
            code_hash=code_hash,
            password_hash=NEW_PHC,
        ).outcome

    assert reset(ann.id, code_of(ann, "123457", "password_reset")) == "invalid"
    assert reset(uuid4(), right) == "invalid"
    assert reset(ann.id, right) == "redeemed"


def test_a_verification_verifies_the_address_only_if_it_is_still_the_users(
    store: Store,
) -> None:
    ann = make_ann(store)
    token_hash, _ = send(store, ann, "email_verification", email="ann@EXAMPLE.com")
    verified = store.one_time_tokens.redeem(
        tenant_id=ann.tenant_id, purpose="email_verification", token_hash=token_hash
    )
    assert (verified.outcome, verified.email_verified) == ("redeemed", True)

    bob = make_ann(store, email="bob@example.com")
    token_hash, _ = send(store, bob, "email_verification")
    change(store, bob, email="robert@example.com")
    verified = store.one_time_tokens.redeem(
        tenant_id=bob.tenant_id, purpose="email_verification", token_hash=token_hash
    )
    assert (verified.outcome, verified.email) == ("redeemed", "bob@example.com")
    assert verified.email_verified is False


def change(store: Store, user: User, **fields: Any) -> object:
    columns = ("username", "email", "display_name", "status")
    return store.users.update(
        tenant_id=user.tenant_id,
        user_id=user.id,
        row_version=user.row_version,
        attributes=user.attributes,
        **{**{column: getattr(user, column) for column in columns}, **fields},
    )


ENDS: list[Callable[[Store, User], object]] = [
    lambda store, ann: change(store, ann, email="other@example.com"),
    lambda store, ann: change(store, ann, email=None),
    lambda store, ann: change(store, ann, status="suspended"),
    lambda store, ann: store.users.revoke_tokens(
        tenant_id=ann.tenant_id, user_id=ann.id
    ),
    lambda store, ann: store.users.delete(tenant_id=ann.tenant_id, user_id=ann.id),
    lambda store, ann: store.tenants.suspend(tenant_id=ann.tenant_id),
]


@pytest.mark.parametrize("purpose", ["password_reset", "sign_in"])
@pytest.mark.parametrize("end", ENDS, ids=range(len(ENDS)))
def test_a_token_for_a_sign_in_dies_with_what_it_depends_on(
    store: Store, purpose: OneTimeTokenPurpose, end: Callable[[Store, User], object]
) -> None:
    ann = make_ann(store)
    token_hash, _ = send(store, ann, purpose)
    end(store, ann)
    assert redeem(store, ann, token_hash, purpose) == "invalid"


def test_no_token_is_created_for_whom_none_could_be_used(store: Store) -> None:
    ann = make_ann(store)
    outcomes = {
        "email_changed": send(store, ann, email="other@example.com"),
        "no_email": send(store, make_user(store, ann.tenant_id)),
        "user_inactive": send(store, ann, user_id=uuid4(), email="x@example.com"),
    }
    assert {name: made.outcome for name, (_, made) in outcomes.items()} == {
        name: name for name in outcomes
    }
    change(store, ann, status="suspended")
    assert send(store, ann)[1].outcome == "user_inactive"
    store.tenants.suspend(tenant_id=ann.tenant_id)
    assert send(store, ann)[1].outcome == "tenant_inactive"


def test_an_address_without_a_user_is_invited(store: Store) -> None:
    tenant_id = make_tenant(store).id
    nobody = make_user(store, tenant_id)
    first, _ = send(store, nobody, "invitation", user_id=None, email="New@example.com")
    second, _ = send(store, nobody, "invitation", user_id=None, email="new@Example.com")
    other, _ = send(store, nobody, "invitation", user_id=None, email="b@example.com")
    assert redeem(store, nobody, first, "invitation") == "invalid"
    list_ = store.one_time_tokens.list_by_purpose
    key: dict[str, Any] = {"tenant_id": tenant_id, "purpose": "invitation"}
    listed = list_(**key).items
    assert [each.email for each in listed] == ["b@example.com", "new@Example.com"]
    assert pages_of(list_, **key, page_size=1) == [listed[:1], listed[1:]]
    redeemed = store.one_time_tokens.redeem(
        tenant_id=tenant_id, purpose="invitation", token_hash=second
    )
    assert (redeemed.outcome, redeemed.user_id) == ("redeemed", None)
    left = listed[0]
    cancel = store.one_time_tokens.cancel
    assert cancel(tenant_id=tenant_id, token_id=left.id)
    assert not cancel(tenant_id=tenant_id, token_id=left.id)
    assert redeem(store, nobody, other, "invitation") == "invalid"


def test_after_too_many_wrong_codes_the_code_is_dead_and_the_link_is_not(
    store: Store,
) -> None:
    ann = make_ann(store)
    sent = {"code_hash": code_of(ann, "123456"), "max_attempts": 3}
    link, _ = send(store, ann, "sign_in", **sent)
    wrong = [guess(store, ann, f"00000{number}") for number in range(3)]
    assert wrong == ["invalid"] * 3
    assert guess(store, ann, "123456") == "invalid"
    assert redeem(store, ann, link, "sign_in") == "redeemed"
    # The next one begins anew.
    send(store, ann, "sign_in", **sent)
    assert guess(store, ann, "000001") == "invalid"
    assert guess(store, ann, "123456") == "redeemed"
    assert guess(store, ann, "123456") == "invalid"


def test_a_code_is_found_by_its_recipient(store: Store) -> None:
    ann = make_ann(store)
    code_hash = code_of(ann, "123456")
    nobody = {"user_id": None, "email": "new@example.com"}
    send(store, ann, "sign_in", **nobody, code_hash=code_hash)
    assert guess(store, ann, "123456") == "invalid"
    assert guess(store, ann, "123456", email="other@example.com") == "invalid"
    assert guess(store, ann, "123456", email="NEW@example.com") == "redeemed"
    # The token of a user is not found by the address.
    send(store, ann, "sign_in", code_hash=code_hash)
    assert guess(store, ann, "123456", email=ann.email) == "invalid"
    # A link alone has no code.
    send(store, ann, "sign_in")
    assert guess(store, ann, "123456") == "invalid"


def test_wrong_arguments_are_refused_before_anything_is_sent(store: Store) -> None:
    tokens: Any = store.one_time_tokens
    ids, digest = {"tenant_id": uuid4()}, bytes(32)
    calls: list[Callable[[], object]] = [
        lambda: tokens.create(**ids, purpose="sign_in", user_id=uuid4()),
        lambda: tokens.create(**ids, purpose="sign_in", token_hash=digest),
        lambda: tokens.create(
            **ids, purpose="sign_in", email="a\n@example.com", token_hash=digest
        ),
        lambda: tokens.redeem(**ids, purpose="sign_in", token_hash=b"raw"),
        lambda: tokens.redeem_code(**ids, purpose="sign_in", code_hash=digest),
        lambda: tokens.redeem_code(
            **ids,
            purpose="sign_in",
            code_hash=digest,
            user_id=uuid4(),
            email="a@example.com",
        ),
        lambda: tokens.reset_password(**ids, password_hash=PHC),
        lambda: tokens.reset_password(
            **ids, password_hash="swordfish", token_hash=digest
        ),
    ]
    for call in calls:
        with pytest.raises(InvalidArgumentError):
            call()


def test_a_guess_must_not_be_undone_by_a_rollback(logins: Logins, store: Store) -> None:
    ann = make_ann(store)
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        Store.unit(connection, ann.tenant_id) as inside,
        pytest.raises(OpenTransactionError),
    ):
        guess(inside, ann, "123456")


def test_a_reset_needs_a_user(store: Store) -> None:
    ann = make_ann(store)
    with pytest.raises(InvalidValueError) as caught:
        send(store, ann, user_id=None, email="a@example.com")
    assert caught.value.constraint == "one_time_tokens_purpose_user_id_check"


def test_tokens_that_expired_are_pruned(store: Store, clock: Clock) -> None:
    ann = make_ann(store)
    send(store, ann, "sign_in", lifetime=MINUTE)
    send(store, ann, "invitation", lifetime=DAY)
    clock.advance(DAY + MINUTE * 1)
    assert store.one_time_tokens.prune_expired(older_than=DAY + MINUTE) == 0
    clock.advance(MINUTE)
    assert store.one_time_tokens.prune_expired(older_than=DAY) == 1


def test_a_reset_ends_sessions_and_is_in_the_feed(store: Store) -> None:
    ann = make_ann(store)
    cookie, _ = make_session(store, ann)
    verify = partial(
        store.sessions.verify, tenant_id=ann.tenant_id, cookie_hash=cookie.hash
    )
    assert verify() is not None
    token_hash, _ = send(store, ann)
    store.one_time_tokens.reset_password(
        tenant_id=ann.tenant_id, token_hash=token_hash, password_hash=NEW_PHC
    )
    assert verify() is None
    entries = store.revocations.list_since(tenant_id=ann.tenant_id)
    assert ("subject", ann.subject_id) in {
        (entry.category, entry.target) for entry in entries
    }
