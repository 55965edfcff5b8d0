"""Passkeys of an issuer: who is signed in, and what is refused."""

import base64
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from random import Random

import pytest

from authority_queries import Authority, Keyring, Maintenance
from authority_queries.contrib.oauth import (
    Passed,
    ProtocolError,
    Provider,
    ProviderSettings,
    Refused,
)
from authority_queries.contrib.oauth.passkeys import Ceremony, Passkeys
from authority_queries.errors import ConfigurationError
from authority_queries.records import User
from authority_queries.testing import Clock, SampleTenant
from tests.soft_authenticator import SoftAuthenticator

pytestmark = pytest.mark.one_version

LOCAL = ip_address("127.0.0.1")
BROWSER = "a secret of the browser"


@pytest.fixture
def passkeys(provider: Provider) -> Passkeys:
    return Passkeys(provider, "Shop")


@pytest.fixture
def device(passkeys: Passkeys, ann: User) -> SoftAuthenticator:
    """A device with a passkey of ann."""
    device = SoftAuthenticator(user_handle=ann.id.bytes, backup_eligible=True)
    assert register(passkeys, ann, device) == "enrolled"
    return device


def challenge_of(asked: Ceremony) -> bytes:
    return octets_of(str(json.loads(asked.options)["challenge"]))


def octets_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def register(
    passkeys: Passkeys, user: User, device: SoftAuthenticator, **changed: str
) -> str | None:
    asked = passkeys.begin_registration(user.id, browser=BROWSER)
    answer = json.dumps(device.create(challenge_of(asked)))
    return passkeys.register(
        answer, asked.sealed, user_id=user.id, browser=BROWSER, **changed
    )


def sign_in(
    passkeys: Passkeys, device: SoftAuthenticator, passed: Passed | None = None
) -> Passed | Refused:
    asked = passkeys.begin(browser=BROWSER)
    answer = json.dumps(device.get(challenge_of(asked)))
    return check(passkeys, answer, asked.sealed, passed)


def check(
    passkeys: Passkeys, answer: str, sealed: str, passed: Passed | None = None
) -> Passed | Refused:
    return passkeys.check(answer, sealed, browser=BROWSER, address=LOCAL, passed=passed)


def password_of(user: User) -> Passed:
    return Passed(
        user_id=user.id,
        username=user.username,
        began_at=datetime.now(UTC),
        factors=["webauthn"],
    )


def test_a_passkey_alone_is_two_factors(
    provider: Provider,
    passkeys: Passkeys,
    authority: Authority,
    ann: User,
    device: SoftAuthenticator,
) -> None:
    passed = sign_in(passkeys, device)
    assert isinstance(passed, Passed)
    assert (passed.user_id, passed.username) == (ann.id, "ann")
    assert (passed.amr, passed.factors) == (("pop", "swk", "mfa"), ())
    cookie = provider.sign_in.start(
        passed, acr="urn:two", address=LOCAL, user_agent=None
    )
    session = authority.verify_session(cookie or "")
    assert session is not None
    assert session.amr == ["pop", "swk", "mfa"]
    with provider.unit() as store:
        [known] = store.webauthn_credentials.list_by_user(
            tenant_id=ann.tenant_id, user_id=ann.id
        )
        [logged] = store.login_attempts.list_recent_by_username(
            tenant_id=ann.tenant_id, username="ann"
        ).items
    assert (known.sign_count, known.last_used_at is None) == (1, False)
    assert (logged.outcome, logged.reason) == ("succeeded", "passkey")


def test_a_passkey_is_a_second_factor_of_its_own_user_only(
    passkeys: Passkeys,
    authority_tenant: SampleTenant,
    ann: User,
    device: SoftAuthenticator,
) -> None:
    bob = authority_tenant.user("bob")
    assert passkeys.begin_second(password_of(bob), browser=BROWSER) is None
    asked = passkeys.begin_second(password_of(ann), browser=BROWSER)
    assert asked is not None
    [allowed] = json.loads(asked.options)["allowCredentials"]
    assert octets_of(allowed["id"]) == device.credential_id
    passed = sign_in(passkeys, device, password_of(ann))
    assert isinstance(passed, Passed)
    assert passed.amr == ("pwd", "pop", "swk", "mfa")
    assert sign_in(passkeys, device, password_of(bob)) == Refused()


def test_an_answer_serves_once(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    asked = passkeys.begin(browser=BROWSER)
    answer = json.dumps(device.get(challenge_of(asked)))
    assert isinstance(check(passkeys, answer, asked.sealed), Passed)
    assert check(passkeys, answer, asked.sealed) == Refused()
    newer = passkeys.begin(browser=BROWSER)
    assert check(passkeys, answer, newer.sealed) == Refused()


def test_a_registration_serves_once_its_user_and_its_browser(
    passkeys: Passkeys, authority_tenant: SampleTenant, ann: User
) -> None:
    bob = authority_tenant.user("bob")
    device = SoftAuthenticator(user_handle=ann.id.bytes)
    asked = passkeys.begin_registration(ann.id, browser=BROWSER)
    answer = json.dumps(device.create(challenge_of(asked)))

    def answered(user: User, browser: str = BROWSER) -> str | None:
        return passkeys.register(
            answer, asked.sealed, user_id=user.id, browser=browser, name="x" * 256
        )

    assert answered(bob) is None
    with pytest.raises(ProtocolError):
        answered(ann, "another browser")
    assert answered(ann) == "enrolled"
    assert answered(ann) == "challenge_used"
    assert register(passkeys, bob, device) == "credential_exists"
    again = passkeys.begin_registration(ann.id, browser=BROWSER)
    [excluded] = json.loads(again.options)["excludeCredentials"]
    assert octets_of(excluded["id"]) == device.credential_id
    short = SoftAuthenticator(user_handle=ann.id.bytes, credential_id=b"short")
    assert register(passkeys, ann, short) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://auth.example"},
        {"origin": "https://auth.example:8443"},
        {"origin": "https://auth.example.evil.example"},
        {"origin": "https://evil.auth.example"},
        {"rp_id": "example"},
        {"verifies_user": False},
        {"user_handle": b"another user"},
        {"backup_eligible": False},
        {"credential_id": bytes(32)},
        {"sign_count": -1},
    ],
    ids=str,
)
def test_an_answer_of_another_kind_is_refused(
    passkeys: Passkeys, device: SoftAuthenticator, changed: dict[str, object]
) -> None:
    assert isinstance(sign_in(passkeys, device), Passed)
    other = replace(device, **changed)  # type: ignore[arg-type]  # of each field
    assert sign_in(passkeys, other) == Refused()


@pytest.mark.parametrize(
    "changed",
    [{"origin": "https://evil.example"}, {"rp_id": "x"}, {"verifies_user": False}],
    ids=str,
)
def test_a_passkey_of_another_kind_is_not_stored(
    passkeys: Passkeys, ann: User, changed: dict[str, object]
) -> None:
    device = SoftAuthenticator(user_handle=ann.id.bytes)
    other = replace(device, **changed)  # type: ignore[arg-type]  # of each field
    assert register(passkeys, ann, other) is None


@pytest.fixture
def elsewhere(
    provider: Provider, authority: Authority, authority_maintenance: Maintenance
) -> Passkeys:
    """Another tenant at a path of the same host, where browsers offer the same."""
    with authority_maintenance.store() as store:
        code = f"t{secrets.token_hex(6)}"
        tenant = store.tenants.create(code=code, display_name="Other")
    settings = replace(provider.settings, issuer="https://auth.example/other")
    return Passkeys(Provider(authority, tenant.id, settings), "Other")


def test_another_tenant_and_another_browser_are_refused(
    passkeys: Passkeys, elsewhere: Passkeys, ann: User, device: SoftAuthenticator
) -> None:
    asked = passkeys.begin(browser=BROWSER)
    answer = json.dumps(device.get(challenge_of(asked)))
    with pytest.raises(ProtocolError):
        passkeys.check(answer, asked.sealed, browser="another", address=LOCAL)
    new = passkeys.begin_registration(ann.id, browser=BROWSER)
    with pytest.raises(ProtocolError):  # the challenge of another ceremony
        check(passkeys, answer, new.sealed)
    with pytest.raises(ProtocolError):
        check(elsewhere, answer, asked.sealed)
    assert sign_in(elsewhere, device) == Refused()


def test_a_copy_is_refused_and_noted(
    provider: Provider, passkeys: Passkeys, ann: User, device: SoftAuthenticator
) -> None:
    copy = device.clone()
    assert isinstance(sign_in(passkeys, device), Passed)
    assert sign_in(passkeys, copy) == Refused()
    with provider.unit() as store:
        [factor] = store.user_credentials.list_by_user(
            tenant_id=ann.tenant_id, user_id=ann.id
        )
        logged = store.login_attempts.list_recent_by_username(
            tenant_id=ann.tenant_id, username="ann"
        ).items
    assert factor.clone_suspected_at is not None
    assert {each.reason for each in logged} == {"passkey", "clone_suspected"}


def test_a_removed_passkey_and_a_suspended_user_are_refused(
    provider: Provider, passkeys: Passkeys, ann: User, device: SoftAuthenticator
) -> None:
    other = SoftAuthenticator(user_handle=ann.id.bytes)
    assert register(passkeys, ann, other) == "enrolled"
    of_ann = {"tenant_id": ann.tenant_id, "user_id": ann.id}
    with provider.unit() as store:
        known = store.webauthn_credentials.get_by_credential_id(
            tenant_id=ann.tenant_id, credential_id=other.credential_id
        )
        assert known is not None
        store.webauthn_credentials.delete(**of_ann, webauthn_credential_id=known.id)
    assert sign_in(passkeys, other) == Refused()
    assert isinstance(sign_in(passkeys, device), Passed)
    with provider.unit() as store:
        store.users.update(
            **of_ann,
            row_version=ann.row_version,
            username="ann",
            email=None,
            display_name="",
            status="suspended",
            attributes={},
        )
    assert sign_in(passkeys, device) == Refused()
    late = SoftAuthenticator(user_handle=ann.id.bytes)
    assert register(passkeys, ann, late) == "user_inactive"


def test_an_answer_in_ten_minutes_is_too_late(
    passkeys: Passkeys, device: SoftAuthenticator, authority_clock: Clock
) -> None:
    asked = passkeys.begin(browser=BROWSER)
    answer = json.dumps(device.get(challenge_of(asked)))
    authority_clock.advance(timedelta(minutes=11))
    assert check(passkeys, answer, asked.sealed) == Refused()


def test_malformed_answers_are_refused(
    passkeys: Passkeys, ann: User, device: SoftAuthenticator
) -> None:
    random = Random(7)  # noqa: S311 -- the same each time
    made = passkeys.begin_registration(ann.id, browser=BROWSER)
    asked = passkeys.begin(browser=BROWSER)
    new = SoftAuthenticator(user_handle=ann.id.bytes)
    registration = json.dumps(new.create(challenge_of(made)))
    assertion = json.dumps(device.get(challenge_of(asked)))
    texts = ["", "x", "[]", "{}", "null", "[" * 100_000, '{"id": 1}', "\0", "\ud800"]
    for text in [*texts, *(broken(registration, random) for _ in range(300))]:
        outcome = passkeys.register(text, made.sealed, user_id=ann.id, browser=BROWSER)
        # A changed letter of the key or of the id makes another passkey.
        assert outcome in {None, "enrolled", "challenge_used"}
    for text in [*texts, *(broken(assertion, random) for _ in range(100))]:
        assert check(passkeys, text, asked.sealed) == Refused()
    assert isinstance(check(passkeys, assertion, asked.sealed), Passed)


def broken(answer: str, random: Random) -> str:
    """Change, remove or repeat a few octets of one member of an answer."""
    document = json.loads(answer)
    name = random.choice(sorted(document["response"]))
    octets = bytearray(octets_of(document["response"][name]))
    at = random.randrange(len(octets))
    change = random.choice(["one", "cut", "long"])
    if change == "one":
        octets[at] ^= 1 << random.randrange(8)
    elif change == "cut":
        del octets[at:]
    else:
        octets[at:at] = octets[:at] or b"x"
    text = base64.urlsafe_b64encode(bytes(octets)).rstrip(b"=").decode()
    document["response"][name] = text
    return json.dumps(document)


def test_an_issuer_at_an_address_has_no_passkeys(
    authority: Authority, authority_tenant: SampleTenant
) -> None:
    for host, has_passkeys in (
        ("127.0.0.1:8000", False),
        ("[::1]", False),
        ("localhost:8000", True),
    ):
        settings = ProviderSettings(
            issuer=f"http://{host}",
            keyring=Keyring(current="k", keys={"k": secrets.token_bytes(32)}),
            derivation_key=secrets.token_bytes(32),
        )
        provider = Provider(authority, authority_tenant.id, settings)
        assert (Passkeys.of(provider, "Shop") is not None) is has_passkeys
        if not has_passkeys:
            with pytest.raises(ConfigurationError):
                Passkeys(provider, "Shop")
