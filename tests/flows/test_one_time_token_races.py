"""Uses of one-time tokens under real concurrency; every outcome is counted."""

from collections import Counter
from datetime import timedelta
from typing import Any, TypeAlias

import psycopg

from authority_queries import Store, mint_token
from authority_queries.records import OneTimeTokenPurpose, User
from authority_queries.secrets import hash_one_time_code
from tests.factories import PHC, make_tenant, make_user
from tests.flows.races import both_units, race, race_often
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
ROUNDS = 10
NOTHING = timedelta(0)


def make_users(store: Store) -> list[User]:
    return [
        make_user(store, make_tenant(store).id, email="ann@example.com")
        for _ in range(ROUNDS)
    ]


def send(
    store: Store, user: User, purpose: OneTimeTokenPurpose, **fields: Any
) -> bytes:
    token = mint_token("one_time", user.tenant_id)
    defaults = {"user_id": user.id, "resend_after": NOTHING}
    store.one_time_tokens.create(
        tenant_id=user.tenant_id,
        purpose=purpose,
        token_hash=token.hash,
        **{**defaults, **fields},
    )
    return token.hash


def code_hash(user: User, code: str) -> bytes:
    return hash_one_time_code(user.tenant_id, "sign_in", code)


def test_8_redeemers_of_one_reset_link_reset_once(
    sync_store: Store, logins: Logins
) -> None:
    users = make_users(sync_store)
    links = [send(sync_store, user, "password_reset") for user in users]

    def reset(racer: int) -> Any:
        def run(store: Store, number: int) -> str:
            redeemed = store.one_time_tokens.reset_password(
                tenant_id=users[number].tenant_id,
                token_hash=links[number],
                password_hash=PHC.replace("t=3", f"t={racer + 4}"),
            )
            return redeemed.outcome

        return run

    tenant_ids = [user.tenant_id for user in users]
    rounds = race_often(logins, tenant_ids, [reset(racer) for racer in range(8)])
    for user, outcomes in zip(users, rounds, strict=True):
        assert Counter(outcomes) == {"redeemed": 1, "invalid": 7}
        after = sync_store.users.get_by_id(tenant_id=user.tenant_id, user_id=user.id)
        assert after is not None
        assert f"t={outcomes.index('redeemed') + 4}," in str(after.password_hash)
        # The reset, and the second sign-out after its commit.
        assert after.row_version == user.row_version + 2


@both_units
def test_8_uses_of_one_sign_in_link_use_it_once(
    sync_store: Store, logins: Logins, *, autocommit: bool
) -> None:
    users = make_users(sync_store)
    links = [send(sync_store, user, "sign_in") for user in users]

    def use(store: Store, number: int) -> str:
        return store.one_time_tokens.redeem(
            tenant_id=users[number].tenant_id,
            purpose="sign_in",
            token_hash=links[number],
        ).outcome

    tenant_ids = [user.tenant_id for user in users]
    for outcomes in race_often(logins, tenant_ids, [use] * 8, autocommit=autocommit):
        assert Counter(outcomes) == {"redeemed": 1, "invalid": 7}


def test_8_guessers_at_once_do_not_exceed_the_limit(
    sync_store: Store, logins: Logins, dba: Dba
) -> None:
    for user in make_users(sync_store):
        send(
            sync_store,
            user,
            "sign_in",
            code_hash=code_hash(user, "900000"),
            max_attempts=10,
        )

        def guess(racer: int, user: User = user) -> Any:
            # The right code is the fourth of eight guesses of one of the eight.
            codes = [f"{racer}{number:05}" for number in range(8)]
            if racer == 7:
                codes[3] = "900000"

            def run(store: Store) -> list[str]:
                return [
                    store.one_time_tokens.redeem_code(
                        tenant_id=user.tenant_id,
                        purpose="sign_in",
                        code_hash=code_hash(user, code),
                        user_id=user.id,
                    ).outcome
                    for code in codes
                ]

            return run

        outcomes = race(logins, user.tenant_id, [guess(racer) for racer in range(8)])
        redeemed = sum(each.count("redeemed") for each in outcomes)
        row = dba.execute(
            "select failed_attempts, used_at is not null "
            "from authority.one_time_tokens where tenant_id = %s",
            [user.tenant_id],
        ).fetchone()
        # Wrong codes until the right one, or until the limit.
        assert row in {(10, False), *((wrong, True) for wrong in range(3, 10))}
        assert redeemed == row[1]


def test_of_8_tokens_created_at_once_one_is_alive(
    sync_store: Store, logins: Logins
) -> None:
    for user in make_users(sync_store):

        def create(store: Store, user: User = user) -> bytes:
            return send(store, user, "password_reset")

        links = race(logins, user.tenant_id, [create] * 8)
        alive = [
            link
            for link in links
            if sync_store.one_time_tokens.get_by_token(
                tenant_id=user.tenant_id, purpose="password_reset", token_hash=link
            )
        ]
        assert len(alive) == 1


def test_a_use_and_a_newer_token_at_once_do_not_both_count(
    sync_store: Store, logins: Logins
) -> None:
    for user in make_users(sync_store):
        link = send(sync_store, user, "password_reset")

        def use(store: Store, user: User = user, link: bytes = link) -> object:
            return store.one_time_tokens.redeem(
                tenant_id=user.tenant_id, purpose="password_reset", token_hash=link
            ).outcome

        def create(store: Store, user: User = user) -> object:
            return send(store, user, "password_reset")

        outcomes = race(logins, user.tenant_id, [use, create] * 4)
        links = [each for each in outcomes if isinstance(each, bytes)]
        alive = [
            each
            for each in links
            if sync_store.one_time_tokens.get_by_token(
                tenant_id=user.tenant_id, purpose="password_reset", token_hash=each
            )
        ]
        assert len(alive) == 1
        assert outcomes.count("redeemed") <= 1


def test_a_use_and_the_deletion_of_the_user_do_not_deadlock(
    sync_store: Store, logins: Logins
) -> None:
    for user in make_users(sync_store):
        link = send(sync_store, user, "email_verification")

        def use(store: Store, user: User = user, link: bytes = link) -> object:
            return store.one_time_tokens.redeem(
                tenant_id=user.tenant_id, purpose="email_verification", token_hash=link
            ).outcome

        def delete(store: Store, user: User = user) -> object:
            return store.users.delete(tenant_id=user.tenant_id, user_id=user.id)

        outcomes = race(logins, user.tenant_id, [use, use, use, delete])
        assert outcomes[-1] is True
        assert outcomes.count("redeemed") <= 1
