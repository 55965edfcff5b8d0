"""Rules of usernames, e-mail addresses and identifiers in Python and the database."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authority_queries import Store, username_key
from authority_queries.errors import InvalidArgumentError, InvalidValueError
from authority_queries.names import check_email, lookup_key, prefix_key
from authority_queries.names.emails import is_visible
from authority_queries.names.usernames import _is_of_unicode_14, _key
from tests.factories import PHC, make_tenant

SAME = [
    ("straße", "STRASSE"),
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    ("İSTANBUL", "i\u0307stanbul"),
    ("ISTANBUL", "istanbul"),
    ("Émile", "e\u0301mile"),
    ("ﾊﾝﾄﾞ", "ハンド"),
    ("\uff21\uff4e\uff4e Lee", "ann lee"),
    ("ᏣᎳᎩ", "ꮳꮃꭹ"),
]
IMPOSSIBLE = [
    "",
    " ",
    " ann",
    "ann ",
    "ann  lee",
    "ann\u00a0lee",
    "ann\tlee",
    "ann\n",
    "a\0",
    "\x7f",
    "ann\u200b",
    "ann\u200d",
    "\u2060",
    "\u3164",
    "\ufb03" * 100,  # a ligature of three letters
    "k\u2460",  # a circled digit
    "\ud800",
    "\U0001f600",
    "a\u05d0",  # two directions
    "ann\u0378",  # not assigned
    "\U0001df25",  # assigned in Unicode 15.0
    "a" * 257,
    "ß" * 129,  # as long as 258 letters
    "a" * 10_000_000,
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_usernames_have_the_same_key(one: str, other: str) -> None:
    key = username_key(one)
    assert username_key(other) == lookup_key(other) == key
    assert username_key(key) == key


def test_a_dotless_i_is_not_an_i() -> None:
    assert username_key("ISTANBUL") != username_key("\u0131stanbul")


@pytest.mark.parametrize("name", IMPOSSIBLE, ids=lambda name: ascii(name)[:20])
def test_a_disallowed_username_is_refused_and_has_the_shared_lookup_key(
    name: str,
) -> None:
    with pytest.raises(InvalidArgumentError, match="1 to 256 characters") as caught:
        username_key(name)
    assert caught.value.argument == "username"
    assert not name.strip() or name not in str(caught.value)
    assert caught.value.__context__ is None
    assert lookup_key(name) == "INVALID"


def test_a_username_must_be_text() -> None:
    for value in (None, 5, b"ann"):
        with pytest.raises(InvalidArgumentError, match="username must be a str, not"):
            lookup_key(value)  # type: ignore[arg-type]  # the mistake that is refused


TRICKY = "aA \u00df\u1e9e\u03c2\u03a3\u0130\u0131\u0301\u0345\u1fb3\u1f08\uff84\uff9e"


@given(st.text(st.sampled_from(TRICKY), max_size=5))
def test_the_key_of_a_key_is_itself(name: str) -> None:
    key = _key(name)
    assert key is None or username_key(key) == key


def test_a_prefix_is_normalized_as_keys_are() -> None:
    for name, prefix in (("straße", "STRAS"), ("ΟΔΥΣΣΕΥΣ", "οδυς"), ("Ann L", "ANN ")):
        assert username_key(name).startswith(prefix_key(prefix))


def assigned() -> Iterator[str]:
    return filter(_is_of_unicode_14, map(chr, range(0x110000)))


def test_the_characters_are_those_of_unicode_14() -> None:
    known = [c for c in assigned() if unicodedata.category(c) in ("Cn", "Cs", "Co")]
    assert known == []
    unknown = [chr(code) for code in range(0xD800) if not _is_of_unicode_14(chr(code))]
    if unicodedata.unidata_version == "14.0.0":  # Python 3.11's
        assert {unicodedata.category(c) for c in unknown} == {"Cc", "Cn"}


def test_the_database_allows_only_the_key_of_a_plain_name(
    dba: "psycopg.Connection[Any]",
) -> None:
    keys = {name: key for name in assigned() if (key := _key(name))}
    query = (
        "select count(*) filter (where authority.is_username_key(name, key)) "
        "from unnest(%s::text[], %s::text[]) as names (name, key)"
    )
    counted = dba.execute(query, [list(keys), list(keys.values())]).fetchone()
    assert counted == (len(keys),)
    assert len(keys) > 120_000
    wrong = [("Ann", "Ann"), ("Ann", "bob"), ("ann", ""), ("É", "É"), ("ß", "ß")]
    # The database does not check assigned characters, joiners and directions.
    beyond = {"a\u05d0", "ann\u0378", "ann\u200d", "\U0001df25", "\ud800", "a\0"}
    beyond.update(IMPOSSIBLE[-3:])  # the column's own check limits the length
    wrong += [(name, name) for name in IMPOSSIBLE if name not in beyond]
    refused = dba.execute(query, [list(part) for part in zip(*wrong, strict=True)])
    assert refused.fetchone() == (0,)


def test_plain_sql_cannot_store_a_user_without_a_valid_key(
    sync_store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    tenant_id = make_tenant(sync_store).id
    insert = (
        "insert into authority.users (tenant_id, username, username_key, email) "
        'values (%s, %s, coalesce(%s, lower(%s::text collate "C")), %s)'
    )
    for name, key, email, constraint in (
        ("Ann", "Ann", None, "users_username_check"),
        ("a\u200bnn", "a\u200bnn", None, "users_username_check"),
        ("ann", None, "a@b\r\nBcc: c@d", "users_email_check"),
    ):
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            dba.execute(insert, [tenant_id, name, key, name, email])
        assert caught.value.diag.constraint_name == constraint
    dba.execute(insert, [tenant_id, "Ann", None, "Ann", "ann@example.com"])
    assert sync_store.users.get_by_username(tenant_id=tenant_id, username="ANN")


EMAILS = [
    "ann@example.com",
    "a@b",
    "Ann.O'Neil+tag@mail-1.example.co.uk",
    "用户@例え.jp",
    "!#$%&'*/=?^_`{|}~-@x--y.example",
]
NO_EMAILS = [
    "",
    "ann",
    "@example.org",
    "ann@",
    "ann@b c.de",
    "a b@c.de",
    " a@b.de",
    "a@b.de ",
    "a@b\r\nBcc: c@d.de",
    "a@b.de\n",
    "a@b.de\0",
    "a@b@c.de",
    "a@b..de",
    ".a@b.de",
    "a.@b.de",
    "a..b@c.de",
    "a@.b.de",
    "a@b.de.",
    '"a b"@c.de',
    "a@[192.0.2.1]",
    "Ann <a@b.de>",
    "a@b.de, c@d.de",
    "a\u200b@b.de",
    "a@b\u2028.de",
    "a@b_c.de",
    "a" * 250 + "@b.de",
]


def test_python_and_the_database_allow_the_same_email_addresses(
    dba: "psycopg.Connection[Any]",
) -> None:
    assert [check_email(email) for email in [*EMAILS, None]] == [*EMAILS, None]
    given: list[Any] = [*NO_EMAILS, 5, "a@\ud800"]
    for email in given:
        with pytest.raises(InvalidArgumentError, match="email must be one") as caught:
            check_email(email)
        assert caught.value.argument == "email"
    dba.execute("create temporary table mails (like authority.users including all)")
    dba.execute("alter table mails drop constraint users_username_check")
    for email in EMAILS + [each for each in NO_EMAILS if "\0" not in each]:
        row = (
            "insert into mails (tenant_id, username, username_key, email) "
            "values (gen_random_uuid(), 'a', 'a', %s)"
        )
        if email in EMAILS:
            dba.execute(row, [email])
            continue
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            dba.execute(row, [email])
        assert refused.value.diag.constraint_name == "users_email_check"


def test_invisible_characters_are_the_same_in_python_and_the_database(
    dba: "psycopg.Connection[Any]",
) -> None:
    codes = [*range(1, 0xD800), *range(0xE000, 0x1E000), *range(0xDFF00, 0xE1100)]
    texts = [chr(code) for code in codes]
    texts += ["", "a b", " a", "a ", "a\u200d", "a \u200d", "a\u200db", "\u200ca"]
    query = (
        "select array(select authority.is_visible(name) from unnest(%s::text[]) "
        "with ordinality as names (name, position) order by position)"
    )
    row = dba.execute(query, [texts]).fetchone()
    assert row == ([is_visible(text) for text in texts],)
    # Controls, formats, spaces and private use of Unicode 14.0 are invisible.
    seen = {unicodedata.category(c) for c in assigned() if is_visible(c)}
    assert seen.isdisjoint({"Cc", "Zs", "Zl", "Zp", "Co", "Cs"})


@pytest.mark.parametrize("hidden", ["a\x1b", "\u200b", "\u3164", " a", "a\u202e"])
def test_no_identifier_may_have_an_invisible_character(
    sync_store: Store, hidden: str
) -> None:
    store, tenant_id = sync_store, make_tenant(sync_store).id
    of: dict[str, Any] = {"tenant_id": tenant_id}
    user = store.users.create(**of, username="ann", password_hash=PHC)
    role = store.roles.create(**of, name="editor")
    for call in (
        lambda: store.user_roles.assign(
            **of, user_id=user.id, role_id=role.id, granted_by=hidden
        ),
        lambda: store.clients.create(**of, client_id=hidden, client_type="public"),
        lambda: store.service_accounts.create(**of, account_id=hidden),
        lambda: store.roles.create(**of, name=hidden),
        lambda: store.scopes.create(**of, name=hidden),
        lambda: store.licenses.create(**of, key_hash=b"k" * 32, plan=hidden),
        lambda: store.revocations.publish(
            **of, category="key", target=hidden, reason="leaked"
        ),
    ):
        with pytest.raises((InvalidValueError, InvalidArgumentError)):
            call()
