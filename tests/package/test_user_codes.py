import re
from collections import Counter
from hashlib import sha256
from uuid import UUID, uuid4

import pytest

from authority_queries.errors import InvalidTokenError
from authority_queries.secrets import (
    hash_user_code,
    mint_user_code,
    normalize_user_code,
)

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def test_a_user_code_is_two_groups_of_four_consonants() -> None:
    codes = [mint_user_code() for _ in range(2000)]
    assert all(re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", c) for c in codes)
    assert len(set(codes)) == 2000
    found = Counter("".join(codes).replace("-", ""))
    assert set(found) == set(LETTERS)
    # 800 of each are expected; ten standard deviations are 276.
    assert all(524 < times < 1076 for times in found.values())


@pytest.mark.parametrize(
    "typed",
    [
        "WDJB-MJHT",
        "wdjb-mjht",
        "wdjbmjht",
        " Wdjb  mjht\n",
        "WD-JB.MJ/HT",
        "WDJB\N{EN DASH}MJHT",
        "WDJB\N{NO-BREAK SPACE}MJHT\N{ZERO WIDTH SPACE}",
        "".join(chr(ord(letter) + 0xFEE0) for letter in "WDJB-MJHT"),  # full width
    ],
)
def test_how_a_user_code_is_typed_does_not_matter(typed: str) -> None:
    assert normalize_user_code(typed) == "WDJB-MJHT"
    tenant_id = uuid4()
    assert hash_user_code(tenant_id, typed) == hash_user_code(tenant_id, "WDJB-MJHT")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "WDJB-MJH",
        "WDJB-MJHTT",
        "WDJB-MJH8",
        "WDJB-MJHA",
        "WDJB-MJHY",
        "WDJB-MJ\N{LATIN SMALL LETTER SHARP S}",
        "WDJB-MJH\N{CYRILLIC CAPITAL LETTER VE}",
        "WDJB+MJHT",
        "WDJB-MJHT" + "-" * 56,
        "W" * 10_000_000,
    ],
    ids=range(11),
)
def test_what_is_no_user_code_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(InvalidTokenError, match="8 letters") as caught:
        normalize_user_code(typed)
    assert typed == "" or typed not in str(caught.value)
    with pytest.raises(InvalidTokenError):
        hash_user_code(uuid4(), typed)


def test_a_user_code_is_hashed_for_its_tenant() -> None:
    hashes = {
        hash_user_code(UUID(int=tenant), code)
        for tenant in (1, 2)
        for code in ("WDJB-MJHT", "WDJB-MJHX")
    }
    assert len(hashes) == 4
    assert {len(hash_) for hash_ in hashes} == {32}
    # The hash is fixed, because a later version must find stored codes.
    assert (
        hash_user_code(UUID(int=1), "WDJB-MJHT")
        == sha256(
            b"authority-queries user code v1\0" + bytes(15) + b"\x01" + b"WDJB-MJHT"
        ).digest()
    )
