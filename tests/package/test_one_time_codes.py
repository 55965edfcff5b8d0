from uuid import uuid4

import pytest

from authority_queries.errors import InvalidArgumentError, InvalidTokenError
from authority_queries.secrets import (
    hash_one_time_code,
    mint_one_time_code,
    normalize_one_time_code,
)


def test_codes_have_six_digits_and_differ() -> None:
    codes = {mint_one_time_code() for _ in range(1000)}
    assert len(codes) > 990
    assert all(code.isdecimal() and len(code) == 6 for code in codes)


# The last ones are full-width and Arabic-Indic digits.
SPELLINGS = [
    "042917",
    " 042-917",
    "042 917\n",
    "\uff10\uff14\uff12\uff19\uff11\uff17",
    "\u0660\u0664\u0662\u0669\u0661\u0667",
]


@pytest.mark.parametrize("typed", SPELLINGS)
def test_the_spelling_of_a_code_does_not_matter(typed: str) -> None:
    tenant_id = uuid4()
    assert normalize_one_time_code(typed) == "042917"
    assert hash_one_time_code(tenant_id, "sign_in", typed) == hash_one_time_code(
        tenant_id, "sign_in", "042917"
    )


@pytest.mark.parametrize(
    "typed", ["", "42917", "0429170", "04291O", "\u00b242917", "0" * 99]
)
def test_what_is_no_code_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(InvalidTokenError) as caught:
        normalize_one_time_code(typed)
    assert str(caught.value) == "a one-time code must have 6 digits"


def test_a_code_has_another_hash_for_another_tenant_and_purpose() -> None:
    tenants = [uuid4(), uuid4()]
    hashes = {
        hash_one_time_code(tenant_id, purpose, "042917")
        for tenant_id in tenants
        for purpose in ("sign_in", "password_reset")
    }
    assert len(hashes) == 4
    with pytest.raises(InvalidArgumentError, match="purpose"):
        hash_one_time_code(tenants[0], "", "042917")
