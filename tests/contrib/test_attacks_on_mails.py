"""Attacks on links in mails, tried against the running example."""

import re
from email.message import EmailMessage
from time import monotonic, sleep
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from authority_queries.records import User
from tests.contrib.attacking import PASSWORD, Target, fields, first_code

pytestmark = pytest.mark.one_version

NEW = "another long password"


def ask(browser: httpx.Client, name: str, **headers: str) -> httpx.Response:
    """Ask for a new password."""
    form = fields(browser.get("/forgot_password"))
    given = form | {"name": name}
    return browser.post("/forgot_password", data=given, headers=headers)


def mail_to(target: Target, user: User, subject: str) -> EmailMessage:
    """Return the last mail to a user, which is sent after the answer."""
    end = monotonic() + 10
    while True:
        found = [
            mail
            for mail in target.outbox.mails
            if mail["To"] == user.email and subject in str(mail["Subject"])
        ]
        if found:
            return found[-1]
        assert monotonic() < end
        sleep(0.01)


def link_of(mail: EmailMessage) -> str:
    found = re.search(r"http\S+", str(mail.get_content()))
    assert found is not None
    return found[0]


def set_password(
    browser: httpx.Client, link: str, password: str = NEW
) -> httpx.Response:
    parts = urlsplit(link)
    page = browser.get(f"{parts.path}?{parts.query}")
    if page.status_code != 200:
        return page
    given = fields(page) | {"new_password": password}
    return browser.post(parts.path, data=given)


def sign_in(browser: httpx.Client, user: User, password: str) -> int:
    given = {"username": user.username, "password": password}
    form = fields(browser.get("/sign_in"))
    return browser.post("/sign_in", data=form | given).status_code


def verify(target: Target, user: User) -> None:
    with target.unit() as store:
        assert user.email is not None
        store.users.verify_email(
            tenant_id=user.tenant_id, user_id=user.id, email=user.email
        )


def test_a_link_sets_the_password_once_and_signs_out_everywhere(target: Target) -> None:
    ann = target.user(has_email=True)
    elsewhere, browser = target.signed_in(ann), target.browser()
    assert ask(browser, ann.username).status_code == 200
    link = link_of(mail_to(target, ann, "new password"))
    for _ in range(3):  # programs that open links
        assert browser.get(link).status_code == 200
    assert set_password(browser, link, "short").status_code == 400
    assert elsewhere.get("/account").status_code == 200
    assert "password is changed" in set_password(browser, link).text
    assert "session" not in browser.cookies  # a mail signs nobody in
    assert set_password(browser, link, "a third long password").status_code == 400
    assert elsewhere.get("/account").status_code == 303
    assert sign_in(target.browser(), ann, PASSWORD) == 401
    assert sign_in(target.browser(), ann, NEW) == 303
    told = mail_to(target, ann, "was changed")
    assert link_of(told) == f"{target.url()}/forgot_password"


def test_a_second_factor_is_asked_for_after_a_new_password(target: Target) -> None:
    ann = target.user(has_email=True)
    browser = target.signed_in(ann)
    page = browser.post("/account/add_totp", data=fields(browser.get("/account")))
    given = fields(page) | {"code": first_code(page)}
    assert browser.post("/account/confirm_totp", data=given).status_code == 200
    thief = target.browser()  # who reads the person's mail
    ask(thief, ann.username)
    set_password(thief, link_of(mail_to(target, ann, "new password")))
    assert sign_in(thief, ann, NEW) == 200  # the page of the second factor
    assert "session" not in thief.cookies


def test_an_answer_does_not_tell_who_exists(target: Target) -> None:
    ann, without_mail, suspended = (
        target.user(has_email=True),
        target.user(),
        target.user(has_email=True),
    )
    with target.unit() as store:
        store.users.update(
            tenant_id=target.tenant_id(),
            user_id=suspended.id,
            row_version=suspended.row_version,
            username=suspended.username,
            email=suspended.email,
            display_name="",
            status="suspended",
            attributes={},
        )
    count = len(target.outbox.mails)
    odd = ["nobody", "nobody@mail.example", "@", "\0", "x" * 10_000, "a\r\nBcc: b@c.d"]
    browser = target.browser()
    answers = {
        ask(browser, name).text
        for name in (without_mail.username, suspended.username, ann.username, *odd)
    }
    assert len(answers) == 1
    mail_to(target, ann, "new password")
    assert len(target.outbox.mails) == count + 1
    assert "Bcc" not in str(target.outbox.mails[-1])


def test_an_answer_does_not_wait_for_what_depends_on_the_user(target: Target) -> None:
    ann = target.user(has_email=True)
    count = len(target.outbox.mails)
    with pytest.raises(KeyboardInterrupt), target.unit() as store:  # noqa: PT012 -- one unit
        # The row stays locked: whoever wants a link for this user waits.
        store.users.delete(tenant_id=ann.tenant_id, user_id=ann.id)
        assert ask(target.browser(), ann.username).status_code == 200
        assert len(target.outbox.mails) == count
        raise KeyboardInterrupt
    mail_to(target, ann, "new password")


def test_mails_are_limited_for_everybody_alike(target: Target) -> None:
    ann, browser = target.user(has_email=True), target.browser()
    count = len(target.outbox.mails)
    for name in (ann.username, "somebody"):
        statuses = [ask(browser, name).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]
    mail_to(target, ann, "new password")
    assert len(target.outbox.mails) == count + 1


def test_the_link_is_the_issuers_and_leaks_nowhere(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ann, browser = target.user(has_email=True), target.browser()
    verify(target, ann)
    evil = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    assert ask(browser, "nobody", host="evil.example").status_code == 404
    assert ask(browser, str(ann.email).upper(), **evil).status_code == 200
    mail = mail_to(target, ann, "new password")
    link = link_of(mail)
    assert link.startswith(f"{target.url()}/new_password?token=")
    assert mail["To"] == ann.email  # not what was typed
    page = browser.get(link)
    assert '<meta name="referrer" content="strict-origin">' in page.text
    assert page.text.index('name="referrer"') < page.text.index("stylesheet")
    assert page.headers["cache-control"] == "no-store"
    assert set_password(browser, link).status_code == 200
    own = [each for each in caplog.records if not each.name.startswith("http")]
    assert own  # httpx and httpcore are the attacker's
    [token] = token_of(link).values()
    assert not any(token in each.getMessage() for each in own)


def test_a_link_is_nothing_elsewhere(target: Target) -> None:
    ann = target.user(has_email=True)
    browser = target.signed_in(ann)
    ask(browser, ann.username)
    reset = link_of(mail_to(target, ann, "new password"))
    browser.post("/account/verify_email", data=fields(browser.get("/account")))
    verification = link_of(mail_to(target, ann, "Your address"))
    south = target.browser("south")
    assert south.get(urlsplit(reset).path, params=token_of(reset)).status_code == 400
    assert (
        browser.get("/new_password", params=token_of(verification)).status_code == 400
    )
    own = fields(browser.get(verification))
    for token in (*token_of(reset).values(), "", "x", "aq_", "\0"):
        refused = browser.post("/verify_email", data=own | {"token": token})
        assert refused.status_code == 400
    bob = target.signed_in(target.user())  # the owner of the address, perhaps
    page = bob.get(verification)
    assert bob.post("/verify_email", data=fields(page)).status_code == 400
    assert "verified" not in browser.get("/account").text
    assert browser.post("/verify_email", data=own).status_code == 303
    assert "verified" in browser.get("/account").text
    assert browser.post("/verify_email", data=own).status_code == 400


def token_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query))
