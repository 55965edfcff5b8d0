"""Mapping files: what becomes of the fields of documents, and what is refused."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authority_queries import hash_password
from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Document, Dropped, derive_id
from authority_queries.importing.entries import UserEntry
from authority_queries.importing.mapping.compiling import load_mapping
from authority_queries.importing.mapping.paths import Steps, leftover
from tests.importing.mapped import Raw, every_document, source_of, write_lines

pytestmark = pytest.mark.one_version

USERS = """
    [collections.users]
    [[collections.users.entries]]
    kind = "user"
    subject_id = "sub"
    username = "name"
"""


def with_rule(rule: str) -> str:
    """Return the mapping of users with another rule of the collection."""
    section = "[collections.users]\n"
    return dedent(USERS).replace(section, f"{section}{rule}\n")


def mapping_of(folder: Path, text: str) -> Path:
    path = folder / "mapping.toml"
    path.write_text(dedent(text))
    return path


def converted(folder: Path, mapping: str, *documents: Raw) -> list[Document]:
    """Return what the documents of a collection `users` become."""
    location = write_lines(folder / "raw", {"users": documents})
    source = source_of("json-lines", location, mapping_of(folder, mapping))
    return every_document(source)["users"]


def fields_of(document: Document, number: int = 0) -> dict[str, object]:
    assert document.refused is None
    entry = document.entries[number]
    return {name: getattr(entry, name) for name in entry.model_fields_set}


# Objects and lists whose leaves are numbers, which `numbered` makes unique.
TREES: Final = st.dictionaries(
    st.text(max_size=2),
    st.recursive(
        st.just(0),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    max_size=4,
)


def numbered(value: object, counter: Iterator[int]) -> object:
    match value:
        case dict():
            return {name: numbered(inner, counter) for name, inner in value.items()}
        case list():
            return [numbered(inner, counter) for inner in value]
    return next(counter)


def leaves(value: object, above: Steps = ()) -> dict[Steps, object]:
    """Return the leaves by their paths."""
    pairs: Iterable[tuple[object, object]] = ()
    match value:
        case dict():
            pairs = value.items()
        case list():
            pairs = enumerate(value)
        case _:
            return {above: value}
    found: dict[Steps, object] = {}
    for step, inner in pairs:
        found |= leaves(inner, (*above, str(step)))
    return found


@settings(deadline=None)  # the machine may be busy
@given(TREES, st.data())
def test_what_no_rule_has_used_is_left(tree: object, data: st.DataObject) -> None:
    document = numbered(tree, count())
    assert isinstance(document, dict)
    every = leaves(document)
    paths = [path[:length] for path in every for length in range(1, len(path) + 1)]
    used = data.draw(st.sets(st.sampled_from(paths)) if paths else st.just(set()))
    expected = {
        value
        for path, value in every.items()
        if not any(path[:length] in used for length in range(1, len(path) + 1))
    }
    assert set(leaves(leftover(document, used)).values()) == expected


def test_unknown_fields_are_kept_in_the_same_nesting(tmp_path: Path) -> None:
    (found,) = converted(
        tmp_path,
        USERS + 'email = "profile.mails.0"\n"attributes.team" = "profile.team"',
        {
            "_id": 7,
            "sub": "1",
            "name": "ann",
            "profile": {"mails": ["a@b.c", "d@e.f"], "team": "x", "age": 3, "n": None},
            "tags": [],
        },
    )
    assert found.id == "7"
    fields = fields_of(found)
    assert fields["email"] == "a@b.c"
    assert fields["attributes"] == {
        "_id": 7,
        "profile": {"mails": ["d@e.f"], "age": 3},
        "team": "x",
    }
    assert not found.dropped


def test_unknown_fields_that_may_be_secrets_are_dropped(tmp_path: Path) -> None:
    (found,) = converted(
        tmp_path,
        USERS,
        {
            "sub": "1",
            "name": "ann",
            "apiKey": "hunter2",
            "x": [{"password": "hunter2"}],
        },
    )
    assert fields_of(found)["attributes"] == {"x": [{}]}
    assert found.dropped == (
        Dropped(field="apiKey", reason="may be a secret"),
        Dropped(field="x.password", reason="may be a secret"),
    )


def test_unknown_fields_without_a_place_are_dropped(tmp_path: Path) -> None:
    (found,) = converted(
        tmp_path,
        """
        [collections.users]
        unknown = "drop"
        drop."legacy.pin" = "PINs are not used any more"
        drop.absent = "never"
        [[collections.users.entries]]
        kind = "user"
        subject_id = "sub"
        username = "sub"
        """,
        {"sub": "1", "legacy": {"pin": "9", "x": 1}, "list": [{"a": 1}, {"a": 2}]},
    )
    assert found.dropped == (
        Dropped(field="legacy.pin", reason="PINs are not used any more"),
        Dropped(field="legacy.x", reason="unknown field"),
        Dropped(field="list[].a", reason="unknown field"),
    )


def test_an_unknown_field_does_not_replace_a_kept_one(tmp_path: Path) -> None:
    (found,) = converted(
        tmp_path,
        USERS + '"attributes.team" = "group"',
        {"sub": "1", "name": "ann", "group": "a", "team": "b"},
    )
    assert fields_of(found)["attributes"] == {"team": "a"}
    assert found.dropped == (
        Dropped(field="team", reason="a field of this name is kept already"),
    )


def test_each_element_of_a_list_becomes_an_entry(tmp_path: Path) -> None:
    (found,) = converted(
        tmp_path,
        USERS
        + """
        [[collections.users.entries]]
        kind = "user_role"
        each = "roles"
        user = "sub"
        role = { from = ".", convert = "lower" }

        [[collections.users.entries]]
        kind = "user_identity"
        each = "logins"
        when = { from = ".provider", not = "internal" }
        user = "sub"
        issuer = { template = "https://{.provider}" }
        subject = ".key"
        """,
        {
            "sub": "1",
            "name": "ann",
            "roles": ["Admin", "Owner"],
            "logins": [
                {"provider": "x.test", "key": "k", "at": 1},
                {"provider": "internal", "key": "l"},
            ],
        },
    )
    kinds = [entry.kind for entry in found.entries]
    assert kinds == ["user", "user_role", "user_role", "user_identity"]
    assert fields_of(found, 1) == {"user": "1", "role": "imported:admin"}
    assert fields_of(found, 3) == {
        "user": "1",
        "issuer": "https://x.test",
        "subject": "k",
    }
    # The second login became no entry, so it is kept.
    left = {"logins": [{"at": 1}, {"provider": "internal", "key": "l"}]}
    assert fields_of(found)["attributes"] == left


@pytest.mark.parametrize(
    ("rule", "role"),
    [
        ('"."', "imported:admin"),
        ('{ from = ".", convert = "lower" }', "imported:admin"),
        ('{ template = "{.}" }', "imported:admin"),
        ('{ from = ".", convert = "authority_role" }', "admin"),
        ('{ from = ".", values = { admin = "auditor" } }', "auditor"),
        ('{ constant = "admin" }', "admin"),
    ],
)
def test_a_role_of_an_application_is_no_role_of_the_authority(
    tmp_path: Path, rule: str, role: str
) -> None:
    (found,) = converted(
        tmp_path,
        USERS
        + f"""
        [[collections.users.entries]]
        kind = "user_role"
        each = "roles"
        user = "sub"
        role = {rule}
        """,
        {"sub": "1", "name": "ann", "roles": ["admin"]},
    )
    assert fields_of(found, 1)["role"] == role


def test_values_are_found_converted_or_by_default(tmp_path: Path) -> None:
    (found,) = converted(
        tmp_path,
        USERS
        + """
        email = ["mail", "email"]
        email_verified = true
        display_name = { from = "title", default = "Nobody" }
        status = { from = "off", values = { true = "suspended", "*" = "active" } }
        password_hash = { from = "hash", convert = ["strip", "password_hash"] }
        created_at = { from = "made", convert = "epoch_seconds" }
        attributes.source = { constant = "old" }
        attributes.tags = { from = "tags", convert = "list", separator = ";" }
        """,
        {
            "sub": 1,
            "name": "ann",
            "email": "a@b.c",
            "off": False,
            "hash": " $2b$04$abcdefghijklmnopqrstuuBtHsjeE3ZOFZ3Q3BSxBFx0n1sb8BE6u ",
            "made": 0,
            "tags": "a; b",
        },
    )
    assert fields_of(found) == {
        "subject_id": "1",
        "username": "ann",
        "email": "a@b.c",
        "email_verified": True,
        "display_name": "Nobody",
        "status": "active",
        "password_hash": "$2b$04$abcdefghijklmnopqrstuuBtHsjeE3ZOFZ3Q3BSxBFx0n1sb8BE6u",
        "created_at": datetime(1970, 1, 1, tzinfo=UTC),
        "attributes": {"source": "old", "tags": ["a", "b"]},
    }


def test_a_constant_object_is_that_of_one_document(tmp_path: Path) -> None:
    found = converted(
        tmp_path,
        USERS + "attributes = { constant = { a = { b = 1 } } }",
        {"sub": "1", "name": "ann", "x": 1, "a": {"c": 2}},
        {"sub": "2", "name": "bob", "y": 2},
    )
    kept = [fields_of(document)["attributes"] for document in found]
    assert kept == [{"a": {"b": 1}, "x": 1}, {"a": {"b": 1}, "y": 2}]


def test_an_id_is_derived_where_it_is_and_where_it_is_referred_to(
    tmp_path: Path,
) -> None:
    mapping = USERS.replace('"sub"', '{ from = "_id", derive = "user" }')
    plain, uuid = converted(
        tmp_path,
        mapping.replace('name"', 'name"\nid = { from = "_id", derive = "user" }'),
        {"_id": "64f0", "name": "ann"},
        {"_id": "00112233-4455-6677-8899-aabbccddeeff", "name": "bob"},
    )
    derived = derive_id("acme", "user", "64f0")
    assert fields_of(plain)["id"] == derived
    assert fields_of(plain)["subject_id"] == str(derived)
    assert fields_of(uuid)["subject_id"] == "00112233-4455-6677-8899-aabbccddeeff"


def test_the_tenant_is_a_field_or_that_of_the_caller(tmp_path: Path) -> None:
    found = converted(
        tmp_path,
        'tenant = { from = "org", values = { 7 = "globex" } }' + dedent(USERS),
        {"sub": "1", "name": "ann", "org": 7},
        {"sub": "2", "name": "ann"},
        {"sub": "3", "name": "ann", "org": 8},
    )
    assert [document.tenant for document in found] == ["globex", None, None]
    assert found[2].refused == "org is none of the listed values"


def test_documents_are_skipped_by_conditions(tmp_path: Path) -> None:
    rule = 'skip = [{ from = "off", is = "true", reason = "gone" }]'
    mapping = with_rule(rule)
    kept, skipped = converted(
        tmp_path,
        mapping,
        {"sub": "1", "name": "ann", "off": False},
        {"sub": "2", "name": "bob", "off": True},
    )
    assert fields_of(kept)["attributes"] == {"off": False}
    assert (skipped.entries, skipped.refused) == ([], None)
    assert skipped.dropped == (Dropped(field="*", reason="gone"),)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"sub": "1", "name": "hunter2  x"}, "name is no username: RFC 8265"),
        ({"sub": "1"}, "user.username: is missing"),
        ({"sub": {"hunter2": 1}, "name": "ann"}, "sub is no text"),
        ({"sub": "1", "name": "ann", "x": "hunter2\0"}, "x contains the character"),
        ({"sub": "1", "name": "a", "state": "hunter2"}, "user.status: should be 'ac"),
    ],
)
def test_a_refusal_names_the_field(tmp_path: Path, document: Raw, reason: str) -> None:
    (found,) = converted(tmp_path, USERS + 'status = "state"', document)
    assert found.refused is not None
    assert found.refused.startswith(reason)
    assert "hunter2" not in found.refused
    assert not found.entries
    assert not found.dropped


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[collections", "is no TOML"),
        ("[users]", "line 1: users: is no key of a mapping file"),
        ("[collections.users]", "line 1: collections.users: needs entries, or"),
        (
            '[collections.users]\nunkown = "drop"\nignore="x"',
            "line 2: collections.users.unkown: is no key",
        ),
        (
            '[csv]\nencoding = "utf-16"\n[collections.u]\nignore = "x"',
            "line 2: csv.encoding: must be an encoding with",
        ),
        (USERS.replace('user"', 'usr"'), "line 4: ENTRY.kind: is no kind of entry"),
        (USERS.replace("username", "email"), "line 3: ENTRY: user needs username"),
        (USERS + 'emial = "x"', "line 7: ENTRY.emial: is no field of user: is it em"),
        (USERS + 'email = { form = "x" }', "line 7: ENTRY.email.form: is no key"),
        (USERS + "email = {}", "line 7: ENTRY.email: needs from, constant or template"),
        (
            USERS + 'email = { from = "x", convert = "mail" }',
            "line 7: ENTRY.email.convert: 'mail' is no conversion",
        ),
        (
            USERS + 'email = { from = "x", size = 3 }',
            "line 7: ENTRY.email.size: is an option of no conversion here",
        ),
        (
            USERS + 'email = { from = "x", template = "{x}" }',
            "ENTRY.email: has from and template",
        ),
        (
            USERS + 'email = { constant = "x", from = "y" }',
            "ENTRY.email: has a constant: it has no other keys then",
        ),
        (USERS + 'email = "a..b"', "ENTRY.email: 'a..b' is no path"),
        (
            USERS + 'id = { from = "x", derive = "usr" }',
            "ENTRY.id.derive: is no kind of entry",
        ),
        (USERS + '"email.x" = "y"', "ENTRY.email.x: email has no fields inside"),
        (
            USERS + 'when = { from = "x" }',
            "ENTRY.when: a condition needs is, not or exists",
        ),
        (USERS + 'each = ".x"', "ENTRY.each: must be a path of the document"),
        (
            USERS + '[[collections.users.entries]]\nkind = "role"',
            "line 7: collections.users.entries[1]: role needs name",
        ),
        (
            USERS.replace('user"', 'recovery_codes"\nuser="x"\ncode_hashes = "x"'),
            "line 6: ENTRY.code_hashes: needs convert",
        ),
    ],
)
def test_an_error_of_the_mapping_names_line_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    path = mapping_of(tmp_path, text)
    with pytest.raises(ConfigurationError) as error:
        load_mapping(path)
    assert str(path) in str(error.value)
    expected = message.replace("ENTRY", "collections.users.entries[0]")
    assert expected in str(error.value)


def test_a_mapping_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_mapping(tmp_path / "absent.toml")


def test_each_collection_needs_rules(tmp_path: Path) -> None:
    location = write_lines(tmp_path / "raw", {"users": [], "orders": []})
    mapping = mapping_of(tmp_path, USERS)
    with pytest.raises(ConfigurationError, match="no rules for orders"):
        source_of("json-lines", location, mapping).collections()
    mapping = mapping_of(tmp_path, USERS + '[collections.orders]\nignore = "not ours"')
    found = every_document(source_of("json-lines", location, mapping))
    assert found == {"users": [], "orders": []}


def test_collections_follow_those_that_they_refer_to(tmp_path: Path) -> None:
    mapping = mapping_of(
        tmp_path,
        USERS
        + """
        [[collections.roles.entries]]
        kind = "role"
        name = "name"
        [[collections.members.entries]]
        kind = "user_role"
        user = "u"
        role = "r"
        """,
    )
    location = write_lines(tmp_path / "raw", {"members": [], "users": [], "roles": []})
    found = source_of("json-lines", location, mapping).collections()
    assert [each.name for each in found] == ["roles", "users", "members"]


def test_only_later_changes_are_read_by_time(tmp_path: Path) -> None:
    location = write_lines(
        tmp_path / "raw",
        {
            "users": [
                {"sub": "1", "name": "a", "at": "2026-01-01T00:00:00Z"},
                {"sub": "2", "name": "b", "at": "2026-01-02T00:00:00Z"},
                {"sub": "3", "name": "c"},
            ]
        },
    )
    since = datetime(2026, 1, 2, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="no changed_at for users"):
        source_of("json-lines", location, mapping_of(tmp_path, USERS), since=since)
    mapping = mapping_of(tmp_path, with_rule('changed_at = "at"'))
    found = every_document(source_of("json-lines", location, mapping, since=since))
    assert [document.id for document in found["users"]] == ["line 2", "line 3"]


def test_an_invalid_value_is_dropped_where_the_rule_allows(tmp_path: Path) -> None:
    (found,) = converted(
        tmp_path,
        USERS + 'email = { from = "mail", if_invalid = "drop" }',
        {"sub": "1", "name": "ann", "mail": "hunter2"},
    )
    assert set(fields_of(found)) == {"subject_id", "username"}
    assert found.dropped == (Dropped(field="mail", reason="is no e-mail address"),)


def test_a_lookup_finds_a_field_of_another_document(tmp_path: Path) -> None:
    mapping = mapping_of(
        tmp_path,
        USERS
        + """
        [[collections.members.entries]]
        kind = "user_role"
        user.from = "u"
        user.lookup = { collection = "users", by = "_id", get = "sub" }
        role = "r"
        """,
    )
    users = [{"_id": n, "sub": f"s{n}", "name": "ann", "more": n} for n in range(5000)]
    members = [{"u": n, "r": "admin"} for n in (0, 4999, 5000)]
    raw = write_lines(tmp_path / "raw", {"users": users, "members": members})
    first, last, absent = every_document(source_of("json-lines", raw, mapping))[
        "members"
    ]
    assert fields_of(first)["user"] == "s0"
    assert fields_of(last)["user"] == "s4999"
    assert absent.refused == "u names no document of users"


def test_a_lookup_names_a_collection_of_the_source(tmp_path: Path) -> None:
    rule = (
        'email = { from = "u", lookup = { collection = "usrs", by = "a", get = "b" } }'
    )
    path = mapping_of(tmp_path, USERS + rule)
    with pytest.raises(
        ConfigurationError, match=r"email.lookup: usrs is no collection"
    ):
        load_mapping(path)


def test_a_source_with_a_mapping_needs_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--mapping"):
        source_of("csv", tmp_path, None)


def test_a_plain_password_of_a_mapping_can_be_verified_in_a_comparison(
    tmp_path: Path,
) -> None:
    rule = 'password_hash = { from = "password", convert = "plain_password" }\n'
    (found,) = converted(
        tmp_path,
        dedent(USERS) + rule,
        {"sub": "ann", "name": "ann", "password": "plain-words-4711"},
    )
    (user,) = found.entries
    assert isinstance(user, UserEntry)
    assert user.proves("password_hash", hash_password("plain-words-4711"))
    assert not user.proves("password_hash", hash_password("other words"))
    assert "plain-words" not in f"{user!r} {user.model_dump_json()}"
