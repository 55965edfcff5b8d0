"""Sessions that a sign-in begins or goes on with."""

from ipaddress import ip_address

import pytest

from authority_queries import Authority
from authority_queries.contrib.oauth import Passed, Provider
from authority_queries.records import User
from authority_queries.testing import SampleTenant

pytestmark = pytest.mark.one_version

LOCAL = ip_address("127.0.0.1")
PASSWORD = "correct horse"


def sign_in(provider: Provider, username: str, cookie: str | None) -> str:
    passed = provider.sign_in.check_password(username, PASSWORD, LOCAL)
    assert isinstance(passed, Passed)
    started = provider.sign_in.start(
        passed, acr="urn:pwd", address=LOCAL, user_agent="tests", cookie=cookie
    )
    assert started is not None
    return started


@pytest.fixture
def bob(authority_tenant: SampleTenant) -> User:
    return authority_tenant.user("bob", password=PASSWORD)


def test_the_same_user_goes_on_with_the_session_under_a_new_cookie(
    provider: Provider, authority: Authority, bob: User
) -> None:
    first = sign_in(provider, "bob", None)
    before = authority.verify_session(first)
    second = sign_in(provider, "bob", first)
    after = authority.verify_session(second)
    assert before is not None
    assert after is not None
    assert (after.id, after.sid) == (before.id, before.sid)
    assert after.authenticated_at > before.authenticated_at
    assert authority.verify_session(first) is None


def test_another_user_ends_the_session_of_the_browser(
    provider: Provider, authority: Authority, authority_tenant: SampleTenant, bob: User
) -> None:
    authority_tenant.user("cat", password=PASSWORD)
    first = sign_in(provider, "bob", None)
    second = authority.verify_session(sign_in(provider, "cat", first))
    assert second is not None
    assert second.user_id != bob.id
    assert authority.verify_session(first) is None


def test_a_cookie_that_an_attacker_planted_is_not_used(
    provider: Provider, authority: Authority, bob: User
) -> None:
    planted = "ss_planted"
    started = sign_in(provider, "bob", planted)
    assert started != planted
    assert authority.verify_session(started) is not None
