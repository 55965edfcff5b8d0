import hashlib
import hmac
from collections.abc import Callable
from typing import cast, get_args
from uuid import UUID, uuid4

import pytest

from authority_queries import (
    mint_token,
    parse_foreign_token,
    parse_token,
    tag_foreign_hash,
)
from authority_queries.errors import InvalidArgumentError, InvalidTokenError
from authority_queries.secrets import (
    TokenKind,
    TokenString,
    derive_token,
    format_request_uri,
    parse_request_uri,
    token_strings,
)

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


def test_a_typing_error_at_any_position_is_refused() -> None:
    token = mint_token("access", uuid4()).token
    for position, letter in enumerate(token):
        wrong = (
            token[:position] + ("x" if letter != "x" else "y") + token[position + 1 :]
        )
        with pytest.raises(InvalidTokenError):
            parse_token(wrong)


def _with_checksum(body: str) -> str:
    """Return the string with a right checksum, so that only its content is wrong."""
    return f"{body}_{token_strings._checksum(body)}"


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
def test_a_string_that_is_no_token_is_refused_and_not_repeated(token: str) -> None:
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


KEY = bytes(range(32))
PARENT = token_strings._with_secret("refresh", UUID(int=7), 1)


def test_a_derived_token_is_the_same_each_time_and_valid() -> None:
    derived = derive_token("access", PARENT, KEY)
    assert derive_token("access", parse_token(PARENT.token), bytes(KEY)) == derived
    assert parse_token(derived.token, kind="access") == derived
    assert derived.tenant_id == PARENT.tenant_id
    # Fixed forever, because a process of another version must repeat the answer.
    text = f"authority-queries derive v1\0access\0{PARENT.token}"
    secret = hmac.new(KEY, text.encode(), hashlib.sha256).digest()
    expected = token_strings._encode(int.from_bytes(secret, "big"), 43)
    assert derived.token.split("_")[3] == expected


def test_derived_tokens_differ_by_kind_parent_and_key() -> None:
    other = token_strings._with_secret("refresh", UUID(int=7), 2)
    derived = [
        derive_token("refresh", PARENT, KEY),
        derive_token("access", PARENT, KEY),
        derive_token("refresh", other, KEY),
        derive_token("refresh", PARENT, KEY + b"\1"),
        derive_token("refresh", PARENT, KEY[::-1]),
        derive_token("refresh", derive_token("refresh", PARENT, KEY), KEY),
    ]
    assert len({token.token.split("_")[3] for token in [*derived, PARENT]}) == 7


def foreign(string: str, tenant_id: UUID) -> TokenString:
    return parse_foreign_token(string, kind="refresh", tenant_id=tenant_id)


def test_tokens_derived_from_a_foreign_one_are_own_and_of_its_tenant() -> None:
    string = "x" * 43
    parent, other = foreign(string, UUID(int=7)), foreign(string, UUID(int=8))
    derived = derive_token("access", parent, KEY)
    assert derive_token("access", foreign(string, UUID(int=7)), KEY) == derived
    assert parse_token(derived.token, kind="access") == derived
    assert not derived.is_foreign
    # Fixed forever, because a process of another version must repeat the answer.
    text = f"authority-queries derive v1\0access\0foreign\0{UUID(int=7)}\0{string}"
    secret = hmac.new(KEY, text.encode(), hashlib.sha256).digest()
    expected = token_strings._encode(int.from_bytes(secret, "big"), 43)
    assert derived.token.split("_")[3] == expected
    # Whoever knows the successors in one tenant does not know those in another one.
    elsewhere = derive_token("access", other, KEY)
    assert derived.token.split("_")[3] != elsewhere.token.split("_")[3]


def test_a_foreign_string_has_a_hash_of_its_own_form() -> None:
    string = "".join(map(chr, range(0x21, 0x7F)))
    parsed = foreign(string, UUID(int=7))
    assert parsed.hash == b"\0" + hashlib.sha256(string.encode()).digest()
    assert parsed.hash == tag_foreign_hash(parsed.hash[1:])
    assert (parsed.is_foreign, PARENT.is_foreign) == (True, False)
    assert parsed.tenant_id == UUID(int=7)
    assert string not in repr(parsed)
    for digest in (b"", bytes(31), bytes(33), "x" * 32, None):
        with pytest.raises(InvalidArgumentError, match=r"^digest must"):
            tag_foreign_hash(cast("bytes", digest))


@pytest.mark.parametrize(
    "string",
    [
        "",
        "x" * 21,
        "x" * 1025,
        "aq_" + "x" * 43,
        PARENT.token,
        f"{PARENT.token}x",
        *("x" * 30 + each for each in (" ", "\n", "\0", "\x7f", "é", "\ud800")),
    ],
    ids=range(12),
)
def test_an_implausible_string_is_no_foreign_token(string: str) -> None:
    with pytest.raises(InvalidTokenError, match="22 to 1024 printable") as caught:
        foreign(string, UUID(int=7))
    assert caught.value.argument == "token"
    assert not string or string not in str(caught.value)


def test_a_foreign_token_is_an_access_or_a_refresh_token() -> None:
    string = "x" * 43
    for kind in set(KINDS) - {"access", "refresh"}:
        with pytest.raises(InvalidArgumentError, match=r"^kind must be one of"):
            parse_foreign_token(string, kind=kind, tenant_id=UUID(int=7))
    with pytest.raises(InvalidArgumentError, match=r"^tenant_id must be a UUID"):
        parse_foreign_token(string, kind="access", tenant_id=cast("UUID", "acme"))
    with pytest.raises(InvalidArgumentError, match=r"^token must be a str"):
        foreign(cast("str", string.encode()), UUID(int=7))


def test_the_repr_of_a_derived_token_has_neither_key_nor_secret() -> None:
    derived = derive_token("refresh", PARENT, KEY)
    assert derived.token not in repr(derived)
    with pytest.raises(InvalidArgumentError, match="key must have 32 to") as caught:
        derive_token("refresh", PARENT, KEY[1:])
    assert repr(KEY[1:])[2:-1] not in str(caught.value)
    with pytest.raises(InvalidArgumentError, match="kind must be one of"):
        derive_token(cast("TokenKind", "id"), PARENT, KEY)


def test_a_request_uri_is_parsed_back() -> None:
    minted = mint_token("request_uri", uuid4())
    spelled = format_request_uri(minted)
    assert spelled == f"urn:ietf:params:oauth:request_uri:{minted.token}"
    assert minted.token.startswith("aq_ru_")
    assert parse_request_uri(spelled) == minted


@pytest.mark.parametrize(
    "spell",
    [
        lambda reference, _: reference.token,
        lambda reference, _: f"https://evil.example/{reference.token}",
        lambda reference, _: f"{format_request_uri(reference)}x",
        lambda _, access: f"urn:ietf:params:oauth:request_uri:{access.token}",
        lambda _, __: "urn:ietf:params:oauth:request_uri:",
    ],
    ids=range(5),
)
def test_a_string_that_is_no_request_uri_is_refused_and_not_repeated(
    spell: Callable[[TokenString, TokenString], str],
) -> None:
    reference, access = (
        mint_token(kind, uuid4()) for kind in ("request_uri", "access")
    )
    text = spell(reference, access)
    with pytest.raises(InvalidTokenError) as caught:
        parse_request_uri(text)
    assert text not in str(caught.value)
    with pytest.raises(
        InvalidArgumentError, match="must be of kind request_uri, not access"
    ):
        format_request_uri(access)
