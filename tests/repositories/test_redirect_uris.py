"""Redirect URIs of codes (RFC 9700 section 2.1, RFC 8252 section 7.3)."""

from collections.abc import Sequence

import pytest

from authority_queries import Store
from tests.repositories.grant_helpers import (
    CALLBACK,
    issue_code,
    make_code,
    make_party,
    redeem_code,
)
from tests.repositories.token_helpers import Dba


def is_registered(
    store: Store, registered: Sequence[str], presented: str | None, **client: str
) -> bool:
    party = make_party(store, redirect_uris=registered, **client)
    _, issued = issue_code(store, party, redirect_uri=presented)
    assert issued.outcome in ("issued", "redirect_uri_not_registered")
    return issued.outcome == "issued"


@pytest.mark.parametrize(
    "presented",
    [
        "https://app.example/cb/",
        "https://app.example/CB",
        "https://APP.example/cb",
        "https://app.example/cb?a=b",
        "https://app.example/cb#f",
        "https://app.example/cb/../evil",
        "https://app.example:443/cb",
        "https://app.example",
        "http://app.example/cb",
        " https://app.example/cb",
        "https://app.example/cb\n",
        "",
    ],
)
@pytest.mark.parametrize("application_type", ["web", "native"])
def test_a_redirect_uri_is_compared_exactly(
    store: Store, presented: str, application_type: str
) -> None:
    registered = ["https://other.example/", CALLBACK]
    kind = {"application_type": application_type}
    assert is_registered(store, registered, CALLBACK, **kind)
    assert not is_registered(store, registered, presented, **kind)


LOOPBACK = ["http://127.0.0.1/cb", "http://[::1]:7777/cb", "http://127.0.0.1"]


@pytest.mark.parametrize(
    "presented",
    [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "http://[::1]/cb",
        "http://[::1]:8080/cb",
        "http://127.0.0.1:49152",
    ],
)
def test_a_native_client_listens_on_any_port_of_the_loopback_address(
    store: Store, presented: str
) -> None:
    assert is_registered(store, LOOPBACK, presented, application_type="native")
    as_web = is_registered(store, LOOPBACK, presented, application_type="web")
    assert as_web == (presented in LOOPBACK)


@pytest.mark.parametrize(
    "presented",
    [
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:80@evil.example",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:80.evil.example/cb",
        "http://127.0.0.1:8080evil.example/cb",
        "http://evil.example/http://127.0.0.1/cb",
        "http://evil.example\\@127.0.0.1:80/cb",
        "http://127.0.0.1:80\n.evil.example/cb",
        "http://127.0.0.1:80\n",
        "http://127.0.0.1:80#/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:123456/cb",
        "http://127.0.0.1:80/other",
        "http://127.0.0.1:80/cb?next=evil",
        "http://127.0.0.1:80/cb/",
        "http://127a0b0c1:80/cb",
        "http://127.0.0.2:80/cb",
        "http://localhost:80/cb",
        "https://127.0.0.1:80/cb",
        "HTTP://127.0.0.1:80/cb",
        "http://[::1].evil.example/cb",
        "http://[::1]:80@evil.example/cb",
        "http://[::2]:80/cb",
        "app://127.0.0.1:80/cb",
    ],
)
def test_no_other_host_is_taken_for_the_loopback_address(
    store: Store, presented: str
) -> None:
    assert not is_registered(store, LOOPBACK, presented, application_type="native")


def test_a_redemption_requires_the_requested_port(
    store: Store,
) -> None:
    party = make_party(store, redirect_uris=LOOPBACK, application_type="native")
    here = {"redirect_uri": "http://127.0.0.1:5001/cb"}
    code = make_code(store, party, **here)
    for other in ("http://127.0.0.1:5002/cb", "http://127.0.0.1/cb", None):
        assert redeem_code(store, party, code, redirect_uri=other).outcome == "invalid"
    assert redeem_code(store, party, code, **here).outcome == "redeemed"


def test_a_redirect_uri_may_be_omitted_if_only_one_is_registered(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party, redirect_uri=None)
    assert redeem_code(store, party, code).outcome == "invalid"
    assert redeem_code(store, party, code, redirect_uri=None).outcome == "redeemed"


@pytest.mark.parametrize("registered", [[], [CALLBACK, "https://app.example/other"]])
def test_a_redirect_uri_is_required_otherwise(
    store: Store, registered: Sequence[str]
) -> None:
    assert not is_registered(store, registered, None)


def test_only_the_port_of_a_loopback_address_is_removed(dba: Dba) -> None:
    row = dba.execute(
        "select authority.without_loopback_port('http://127.0.0.1:80/cb'), "
        "authority.without_loopback_port('http://[::1]:80?a'), "
        "authority.without_loopback_port('http://127.0.0.1:80@evil.example/'), "
        "authority.without_loopback_port(null)"
    ).fetchone()
    assert row == (
        "http://127.0.0.1/cb",
        "http://[::1]?a",
        "http://127.0.0.1:80@evil.example/",
        None,
    )
