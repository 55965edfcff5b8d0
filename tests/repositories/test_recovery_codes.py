from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidTokenError,
    InvalidValueError,
    OpenTransactionError,
)
from authority_queries.records import User
from authority_queries.secrets import hash_recovery_code, mint_recovery_codes
from tests.factories import make_tenant, make_user
from tests.refusals import refusal_of
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"


@pytest.fixture
def user(store: Store) -> User:
    return make_user(store, make_tenant(store).id)


def replace(store: Store, user: User, codes: list[str] | None = None) -> list[str]:
    codes = mint_recovery_codes() if codes is None else codes
    outcome = store.recovery_codes.replace(
        tenant_id=user.tenant_id, user_id=user.id, codes=codes
    ).outcome
    assert outcome == "replaced"
    return codes


def use(store: Store, user: User, code: str) -> tuple[str, int | None]:
    used = store.recovery_codes.use(
        tenant_id=user.tenant_id, user_id=user.id, code=code
    )
    return used.outcome, used.remaining


def test_each_code_is_used_once(store: Store, user: User) -> None:
    codes = replace(store, user)
    for left, code in zip(range(9, -1, -1), codes, strict=True):
        assert use(store, user, code) == ("accepted", left)
        assert use(store, user, code) == ("invalid", None)


def test_a_new_set_replaces_the_old_one(store: Store, user: User, dba: Dba) -> None:
    old = replace(store, user)
    assert use(store, user, old[0]) == ("accepted", 9)
    new = replace(store, user, mint_recovery_codes(3))
    assert [use(store, user, code) for code in old] == [("invalid", None)] * 10
    last_used = "select last_used_at is null from authority.recovery_codes"
    assert dba.execute(last_used).fetchall() == [(True,)]
    assert use(store, user, new[0]) == ("accepted", 2)
    replace(store, user, [])
    assert use(store, user, new[1]) == ("invalid", None)


def test_the_spelling_of_a_code_does_not_matter(store: Store, user: User) -> None:
    code = "0123-4567-89AB-CDEF-GHJK-MNPQ"
    for typed in (
        code.lower(),
        code.replace("-", ""),
        code.replace("-", " \u2013 "),
        code.replace("0", "o").replace("1", "l"),
        code.replace("0", "O").replace("1", "I"),
        "".join(chr(0xFEE0 + ord(letter)) for letter in code),
    ):
        replace(store, user, [code])
        assert use(store, user, typed) == ("accepted", 0)


def test_a_text_that_is_no_code_is_invalid(store: Store, user: User) -> None:
    [code] = replace(store, user, mint_recovery_codes(1))
    for typed in ("", code[:-1], code + "0", "U" * 24, "x" * 10**6, "\ud800" * 24):
        assert use(store, user, typed) == ("invalid", None)
        with pytest.raises(InvalidTokenError) as caught:
            hash_recovery_code(user.tenant_id, user.id, typed)
        assert typed == "" or typed not in str(caught.value)


def test_codes_have_120_random_bits() -> None:
    codes = mint_recovery_codes(32)
    assert len(set(codes)) == 32
    digits = set("".join(codes)) - {"-"}
    # 32 digits of 5 bits; each is missing from 768 with a probability of 1e-11.
    assert len(digits) == 32
    assert {len(code.replace("-", "")) for code in codes} == {24}
    for count in (0, 33):
        with refusal_of("count"):
            mint_recovery_codes(count)


def test_a_code_belongs_to_one_user(store: Store, user: User) -> None:
    [code] = mint_recovery_codes(1)
    other, abroad = (
        make_user(store, user.tenant_id),
        make_user(store, make_tenant(store).id),
    )
    for owner in (user, other, abroad):
        replace(store, owner, [code])
    hashes = {
        hash_recovery_code(owner.tenant_id, owner.id, code)
        for owner in (user, other, abroad)
    }
    assert len(hashes) == 3
    assert use(store, user, code) == ("accepted", 0)
    assert use(store, other, code) == ("accepted", 0)


@pytest.mark.parametrize("status", ["pending", "suspended"])
def test_only_active_users_sign_in(
    store: Store, user: User, dba: Dba, status: str
) -> None:
    [code] = replace(store, user, mint_recovery_codes(1))
    dba.execute("update authority.users set status = %s", (status,))
    assert use(store, user, code) == ("invalid", None)
    again = store.recovery_codes.replace(
        tenant_id=user.tenant_id, user_id=user.id, codes=[]
    )
    assert again.outcome == ("replaced" if status == "pending" else "user_inactive")


def test_a_set_is_bounded(store: Store, user: User) -> None:
    code = mint_recovery_codes(1)
    for codes in (code * 2, [*mint_recovery_codes(32), *code]):
        with pytest.raises(InvalidValueError, match="code_hashes_check"):
            replace(store, user, codes)
    with refusal_of("code"):
        replace(store, user, ["short"])


def test_a_user_deletes_the_codes(store: Store, user: User) -> None:
    [code] = replace(store, user, mint_recovery_codes(1))
    key = {"tenant_id": user.tenant_id, "user_id": user.id}
    assert store.recovery_codes.delete(**key)
    assert not store.recovery_codes.delete(**key)
    assert use(store, user, code) == ("invalid", None)


def test_a_rollback_cannot_free_a_code(
    store: Store, user: User, logins: Logins
) -> None:
    [code] = replace(store, user, mint_recovery_codes(1))
    with (
        psycopg.connect(logins.app_for(user.tenant_id)) as connection,
        pytest.raises(OpenTransactionError),
    ):
        use(Store(connection), user, code)
