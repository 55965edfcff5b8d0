"""Links that an issuer mails: who gets one, and what it is good for."""

from datetime import timedelta
from ipaddress import ip_address

import pytest

from authority_queries.contrib.oauth import MailedLink, Passed, Provider, Refused
from authority_queries.records import User
from authority_queries.testing import Clock, SampleTenant
from tests.contrib.flows import CALLBACK, asked, body, query_of, redeem
from tests.contrib.receiving import Receiver, sending

pytestmark = pytest.mark.one_version

LOCAL = ip_address("127.0.0.1")
NEW = "another long password"


def verified(provider: Provider, user: User) -> None:
    link = provider.mailed_links.mint_verification(user.id)
    assert link is not None
    assert provider.mailed_links.verify_email(link.token, user.id)


def test_a_verified_address_or_a_username_finds_the_user(
    provider: Provider, ann: User, authority_clock: Clock
) -> None:
    links = provider.mailed_links
    assert links.mint_reset("ann@shop.example") is None
    verified(provider, ann)
    for name in ("ANN@shop.example", "Ann"):
        link = links.mint_reset(name)
        assert isinstance(link, MailedLink)
        assert (link.email, link.username) == ("ann@shop.example", "ann")
        assert link.token not in repr(link)
        assert links.mint_reset(name) is None  # a mail was sent just now
        authority_clock.advance(timedelta(minutes=3))
    for name in ("nobody", "nobody@shop.example", "ann@", "", "\0"):
        assert links.mint_reset(name) is None


def test_a_newer_link_ends_the_older_and_time_ends_both(
    provider: Provider, ann: User, authority_clock: Clock
) -> None:
    links = provider.mailed_links
    first = links.mint_reset("ann")
    authority_clock.advance(timedelta(minutes=3))
    second = links.mint_reset("ann")
    assert first is not None
    assert second is not None
    assert [links.is_reset(link.token) for link in (first, second)] == [False, True]
    assert links.reset_password(first.token, NEW) is None
    authority_clock.advance(timedelta(minutes=31))
    assert links.reset_password(second.token, NEW) is None


def test_a_new_password_signs_out_everywhere_and_notifies_clients(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    with authority_tenant.unit() as store:
        store.clients.create(
            tenant_id=authority_tenant.id,
            client_id="app",
            client_type="public",
            redirect_uris=[CALLBACK],
            backchannel_logout_uri="https://app.example/logout",
        )
    cookie, _ = authority_tenant.session(ann)
    request = asked(provider)
    provider.authorization.consent(request, ann.id)
    code = query_of(provider.authorization.decide(request, cookie))["code"]
    assert "id_token" in body(provider.token.answer(redeem(code)))
    link = provider.mailed_links.mint_reset("ann")
    assert link is not None
    changed = provider.mailed_links.reset_password(link.token, NEW)
    assert changed is not None
    assert changed.id == ann.id
    assert provider.mailed_links.reset_password(link.token, NEW) is None
    assert provider.session(cookie) is None
    receiver = Receiver(204)
    sending(provider, receiver).logout.deliver_notices()
    assert [url for url, _ in receiver.received] == ["https://app.example/logout"]
    assert isinstance(provider.sign_in.check_password("ann", NEW, LOCAL), Passed)


def test_an_address_is_verified_for_its_own_account_once(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    links = provider.mailed_links
    bob = authority_tenant.user("bob", email="ANN@shop.example")
    of_bob, of_ann = links.mint_verification(bob.id), links.mint_verification(ann.id)
    assert of_bob is not None
    assert of_ann is not None
    assert not links.verify_email(of_bob.token, ann.id)
    assert links.verify_email(of_ann.token, ann.id)
    assert not links.verify_email(of_ann.token, ann.id)
    assert not links.verify_email(of_bob.token, bob.id)  # ann has it
    assert not links.is_reset(of_bob.token)
    assert links.mint_verification(authority_tenant.user("cat").id) is None
    assert links.mint_verification(authority_tenant.id) is None


def test_requests_are_limited_for_each_name_and_network(
    provider: Provider, ann: User
) -> None:
    for name in ("ann", "nobody"):
        answers = [provider.mailed_links.reserve_reset(name, LOCAL) for _ in range(6)]
        assert answers[:5] == [None] * 5
        assert isinstance(answers[5], Refused)
        assert answers[5].retry_after is not None
