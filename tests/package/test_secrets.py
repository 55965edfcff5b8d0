import hashlib
from typing import get_args
from uuid import UUID, uuid4

import pytest

from authority_queries import (
    hash_password,
    mint_token,
    parse_token,
    password_needs_rehash,
    verify_password,
)
from authority_queries import secrets as module
from authority_queries.errors import InvalidArgumentError, InvalidTokenError
from authority_queries.secrets import TokenKind

KINDS: list[TokenKind] = list(get_args(TokenKind))
ENDS = (UUID(int=0), UUID(int=2**128 - 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tenant_id", [*ENDS, uuid4()])
def test_a_minted_token_is_parsed_back(kind: TokenKind, tenant_id: UUID) -> None:
    minted = mint_token(kind, tenant_id)
    assert parse_token(minted.token) == minted
    assert parse_token(minted.token, kind=kind).tenant_id == tenant_id
    assert minted.hash == hashlib.sha256(minted.token.encode()).digest()
    assert len(minted.token) == 79
    assert minted.token.startswith("aq_")


def test_tokens_do_not_repeat() -> None:
    tenant_id = uuid4()
    assert len({mint_token("access", tenant_id).token for _ in range(1000)}) == 1000


def test_a_typing_error_anywhere_is_refused() -> None:
    token = mint_token("access", uuid4()).token
    for position, letter in enumerate(token):
        wrong = (
            token[:position] + ("x" if letter != "x" else "y") + token[position + 1 :]
        )
        with pytest.raises(InvalidTokenError):
            parse_token(wrong)


def _with_checksum(body: str) -> str:
    """A string whose checksum is right, so that only its content is judged."""
    return f"{body}_{module._checksum(body)}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "aq",
        "x" * 79,
        "é" * 79,
        mint_token("access", uuid4()).token + "x",
        mint_token("access", uuid4()).token[:-1],
        _with_checksum("aq_xx_" + "0" * 22 + "_" + "0" * 43),
        _with_checksum("xx_at_" + "0" * 22 + "_" + "0" * 43),
        _with_checksum("aq_at_" + "z" * 22 + "_" + "0" * 43),
        _with_checksum("aq_at_" + "-" * 22 + "_" + "0" * 43),
        _with_checksum("aq_at_" + "0" * 21 + "_" + "0" * 44),
        _with_checksum("aq_at_" + "0" * 66),
        "10 MB" + "x" * 10_000_000,
    ],
    ids=range(13),
)
def test_what_is_no_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(InvalidTokenError) as caught:
        parse_token(token)
    assert isinstance(caught.value, InvalidArgumentError)
    assert token == "" or token not in str(caught.value)


def test_a_token_of_another_kind_is_refused() -> None:
    refresh = mint_token("refresh", uuid4())
    with pytest.raises(InvalidTokenError, match="not of the kind access"):
        parse_token(refresh.token, kind="access")


def test_the_secret_does_not_show_in_repr() -> None:
    minted = mint_token("client_secret", uuid4())
    assert minted.token not in repr(minted)
    assert repr(minted.hash) not in repr(minted)


def test_a_password_is_verified_against_its_argon2id_hash() -> None:
    hashed = hash_password("swordfish")
    assert hashed.startswith("$argon2id$")
    assert "swordfish" not in hashed
    assert verify_password(hashed, "swordfish")
    assert not verify_password(hashed, "Swordfish")
    assert not password_needs_rehash(hashed)


@pytest.mark.parametrize("stored", [None, "", "$2b$12$abc", "no hash at all"])
def test_no_hash_or_a_foreign_one_verifies_nothing(stored: str | None) -> None:
    assert not verify_password(stored, "swordfish")


def test_nobodys_hash_costs_what_a_real_one_costs() -> None:
    real, nobodys = hash_password("swordfish"), module._NOBODYS_HASH
    assert nobodys.split("$")[:4] == real.split("$")[:4]
    assert len(nobodys) == len(real)
    assert not password_needs_rehash(nobodys)


def test_weaker_parameters_ask_for_a_rehash() -> None:
    weak = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$nXPGDK9Hy0MVwbIZ3PSAeQ"
    assert password_needs_rehash(weak)
