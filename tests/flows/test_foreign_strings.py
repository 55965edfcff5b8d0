"""Services verify the strings of another store, also from memory and in cells."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import UUID, uuid4

import pytest

from authority_queries import (
    Authority,
    Cells,
    Settings,
    Store,
    mint_token,
    parse_foreign_token,
)
from authority_queries.errors import InvalidArgumentError
from authority_queries.records import Token
from authority_queries.secrets import TokenString
from tests.factories import HOUR, make_client, make_tenant, make_token
from tests.flows.verifiers import (
    FORMS,
    Opened,
    opened_sync,
    statistics,
    until,
    warm,
)

SECOND = timedelta(seconds=1)

both_forms = pytest.mark.parametrize("opened", FORMS.values(), ids=FORMS)


def make_open_tenant(store: Store, lifetime: timedelta = HOUR) -> UUID:
    tenant_id = make_tenant(store).id
    store.tenants.accept_foreign_tokens(tenant_id=tenant_id, lifetime=lifetime)
    return tenant_id


def import_token(
    store: Store, tenant_id: UUID, string: str = "", **fields: Any
) -> tuple[TokenString, Token]:
    foreign = parse_foreign_token(
        string or token_urlsafe(), kind="access", tenant_id=tenant_id
    )
    client = make_client(store, tenant_id)
    return foreign, make_token(store, client, token_hash=foreign.hash, **fields)[1]


def options_of(tenant_id: UUID) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "foreign": True}


@pytest.fixture
def authority(settings: Settings) -> Iterator[Authority]:
    with Authority.open(settings) as authority:
        yield authority


def test_a_service_asks_for_it_and_names_the_tenant(
    authority: Authority, settings: Settings, store: Store
) -> None:
    foreign, token = import_token(store, make_open_tenant(store))
    asked = options_of(foreign.tenant_id)
    found = authority.verify_token(foreign.token, **asked)
    assert found is not None
    assert (found.id, found.is_foreign) == (token.id, True)
    assert authority.verify_token(foreign.token) is None
    assert authority.verify_token(foreign.token, tenant_id=foreign.tenant_id) is None
    with ExitStack() as stack:
        verifier = stack.enter_context(opened_sync(settings))
        cells = Cells({"one": authority}, lambda _: "one")
        assert verifier.verify(foreign.token, **asked) == found
        assert verifier.verify(foreign.token, tenant_id=foreign.tenant_id) is None
        assert cells.verify_token(foreign.token, **asked) == found
        assert authority.verify_tokens([foreign.token], **asked) == [found]
        assert authority.verify_tokens([foreign.token]) == [None]
        for call in (
            authority.verify_token,
            verifier.verify,
            cells.verify_token,
            lambda token, **options: authority.verify_tokens([token], **options),
        ):
            verify: Any = call
            with pytest.raises(
                InvalidArgumentError, match=r"^tenant_id must be a UUID"
            ):
                verify(foreign.token, foreign=True)
            with pytest.raises(InvalidArgumentError, match=r"^foreign must be a bool"):
                verify(foreign.token, tenant_id=foreign.tenant_id, foreign="no")


@both_forms
def test_own_strings_stay_own(opened: Any, settings: Settings, store: Store) -> None:
    ours, theirs = make_open_tenant(store), make_open_tenant(store)
    own, token = make_token(store, make_client(store, ours))
    with opened(settings) as verifier:
        for _ in range(2):
            found = verifier.verify(own.token, **options_of(ours))
            assert (found.id, found.is_foreign) == (token.id, False)
            assert verifier.verify(own.token, **options_of(theirs)) is None


@both_forms
def test_a_string_in_memory_is_of_its_tenant(
    opened: Any, settings: Settings, store: Store
) -> None:
    """Live in one tenant, in another one with another token, unknown in a third one."""
    string = token_urlsafe(48) + "-"  # as long as an own string
    ours, theirs, none = (make_open_tenant(store) for _ in range(3))
    tokens = {each: import_token(store, each, string)[1] for each in (ours, theirs)}
    with opened(settings) as verifier:
        for _ in range(2):
            for tenant_id in (none, ours, theirs, none):
                if tenant_id in tokens:
                    warm(verifier, string, **options_of(tenant_id))
                found = verifier.verify(string, **options_of(tenant_id))
                expected = tokens.get(tenant_id)
                assert (found and found.id) == (expected and expected.id)
                assert verifier.verify(string, tenant_id=tenant_id) is None
        assert statistics(verifier).refused_hits > 0


@both_forms
def test_an_answer_ends_when_its_tenant_ends_the_time(
    opened: Any, settings: Settings, store: Store
) -> None:
    foreign, _ = import_token(store, make_open_tenant(store))
    asked = options_of(foreign.tenant_id)
    with opened(settings) as verifier:
        warm(verifier, foreign.token, **asked)
        store.tenants.accept_foreign_tokens(tenant_id=foreign.tenant_id, lifetime=None)
        until(lambda: verifier.verify(foreign.token, **asked) is None, "the end")


def test_an_answer_ends_with_the_time(settings: Settings, store: Store) -> None:
    foreign, _ = import_token(store, make_open_tenant(store, 2 * SECOND))
    asked = options_of(foreign.tenant_id)
    seldom: Any = {"poll_interval": HOUR, "max_staleness": 2 * HOUR, "listen": False}
    with opened_sync(settings, max_age=HOUR, **seldom) as verifier:
        warm(verifier, foreign.token, **asked)
        took = until(lambda: verifier.verify(foreign.token, **asked) is None, "the end")
        assert took < 4


def implausible(tenant_id: UUID) -> list[str]:
    own = mint_token("access", tenant_id).token
    return [
        "",
        "x" * 21,
        "x" * 1025,
        "x" * 30 + " ",
        "x" * 30 + "\n",
        "x" * 30 + "\0",
        "x" * 30 + "é",
        "aq_" + "x" * 30,
        own[:-1],
        own[:-1] + ("0" if own[-1] != "0" else "1"),
        own + "x",
        f" {own}",
    ]


def test_an_implausible_string_makes_no_trip(
    settings: Settings, authority: Authority, store: Store
) -> None:
    tenant_id = make_open_tenant(store)
    with opened_sync(settings) as verifier:
        for string in implausible(tenant_id):
            assert verifier.verify(string, **options_of(tenant_id)) is None
        assert statistics(verifier).misses == 0
    strings = implausible(tenant_id)
    found = authority.verify_tokens(strings, **options_of(tenant_id))
    assert found == [None] * len(strings)
    for string in ("x" * 22, "x" * 1024, "".join(map(chr, range(0x21, 0x7F)))):
        foreign, token = import_token(store, tenant_id, string)
        live = authority.verify_token(string, **options_of(tenant_id))
        assert live is not None
        assert live.id == token.id
        assert foreign.is_foreign


def test_many_strings_of_both_kinds_are_verified_at_once(
    authority: Authority, store: Store
) -> None:
    tenant_id = make_open_tenant(store)
    foreign, token = import_token(store, tenant_id)
    own, own_token = make_token(store, make_client(store, tenant_id))
    other, _ = import_token(store, make_open_tenant(store))
    asked = [foreign.token, own.token, other.token, "x", foreign.token]
    found = authority.verify_tokens(asked, **options_of(tenant_id))
    ids = [each and each.id for each in found]
    assert ids == [token.id, own_token.id, None, None, token.id]
    assert found == [
        authority.verify_token(each, **options_of(tenant_id)) for each in asked
    ]


def test_an_unknown_tenant_has_no_tokens(authority: Authority) -> None:
    assert authority.verify_token(token_urlsafe(), **options_of(uuid4())) is None


def test_threads_share_the_trip_of_one_tenant_only(
    settings: Settings, store: Store
) -> None:
    """A flight for one tenant does not answer a call for another one."""
    ours, theirs = make_open_tenant(store), make_open_tenant(store)
    string = token_urlsafe()
    _, token = import_token(store, ours, string)
    with opened_sync(settings) as verifier:
        ask: Any = verifier.subject._ask
        seen: list[Any] = []

        def asked(tenant_id: UUID, digest: bytes) -> Any:
            if tenant_id == ours:
                seen.append(verifier.verify(string, **options_of(theirs)))
            return ask(tenant_id, digest)

        nested: Opened = verifier
        vars(nested.subject)["_ask"] = asked
        found = verifier.verify(string, **options_of(ours))
    assert found is not None
    assert found.id == token.id
    assert seen == [None]
