"""Authorization: sign-in, second factor, consent."""

from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response

from authority_queries.contrib.fastapi import read_request
from authority_queries.contrib.oauth import (
    AskConsent,
    AuthorizationRequest,
    Decision,
    ErrorPage,
    Passed,
    Redirect,
    Refused,
    SignIn,
    seal,
    unseal_members,
)
from examples.openid_provider.browser import AnyBrowser, Browser
from examples.openid_provider.explaining import explain
from examples.openid_provider.issuers import PASSWORD, TWO_FACTORS

_THEN = "after_sign_in"
router = APIRouter()


@dataclass(frozen=True)
class Goal:
    """The goal of the person who is asked to sign in.

    `sealed` is an authorization request, and `then` a path of this site, both sealed
    for a form. Empty: there is none.
    """

    sealed: str = ""
    then: str = ""

    def target(self, browser: Browser) -> str:
        """Return the URI to which the browser goes in the end."""
        if not self.sealed:
            return ""
        return browser.unseal(self.sealed).redirect_uri


def ask_to_sign_in(browser: Browser, path: str) -> Response:
    """Return the page for the sign-in, which then goes on to a path of this site."""
    then = seal({"path": path}, _THEN, browser.provider.settings)
    return show_sign_in(browser, Goal(then=then))


@router.get("/")
async def home(browser: AnyBrowser) -> Response:
    """Show the account, or a link to the sign-in."""
    if await browser.provider.session(browser.session) is None:
        return browser.page("home")
    return browser.redirect("/account")


@router.get("/authorize")
async def authorize(browser: AnyBrowser) -> Response:
    """Begin with a client's request (RFC 6749 section 3.1)."""
    provider = browser.provider
    read = await read_request(browser.request, provider.settings.issuer)
    begun = await provider.authorization.begin(read)
    if isinstance(begun, AuthorizationRequest):
        return await _decide(browser, begun)
    return await _show(browser, begun)


@router.post("/authorize")
async def authorize_by_post(browser: AnyBrowser) -> Response:
    """Repeat the request as a link (OpenID Connect Core section 3.1.2.1)."""
    return await browser.as_link("/authorize")


@router.get("/sign_in")
async def sign_in_page(browser: AnyBrowser) -> Response:
    """Ask for the password. `why=again`: the last sign-in was too long ago."""
    return show_sign_in(
        browser, Goal(), why=browser.request.query_params.get("why", "")
    )


@router.post("/sign_in")
async def sign_in(browser: AnyBrowser) -> Response:
    """Check the password."""
    form = await browser.form()
    goal = Goal(form["sealed"], form["then"])
    checked = await browser.provider.sign_in.check_password(
        form["username"], form["password"], browser.address
    )
    if isinstance(checked, Refused):
        return show_sign_in(browser, goal, checked, username=form["username"][:100])
    if checked.factors:
        return await show_second_factor(browser, goal, checked)
    return await start(browser, goal, checked)


@router.post("/second_factor")
async def second_factor(browser: AnyBrowser) -> Response:
    """Check the code of an authenticator, or a recovery code."""
    form = await browser.form()
    goal, sign_in = Goal(form["sealed"], form["then"]), browser.provider.sign_in
    passed = sign_in.unseal(form["passed"], browser=browser.token)
    checked = await sign_in.check_code(passed, form["code"], browser.address)
    if isinstance(checked, Refused):
        return await show_second_factor(browser, goal, passed, checked)
    return await start(browser, goal, checked)


@router.post("/consent")
async def consent(browser: AnyBrowser) -> Response:
    """Store the person's answer, and go back to the client."""
    provider, form = browser.provider, await browser.form()
    asked = browser.unseal(form["sealed"])
    session = await provider.session(browser.session)
    if form["answer"] != "allow":
        return await _show(browser, provider.authorization.deny(asked))
    if session is None or str(session.user_id) != form["user_id"]:
        return await _decide(browser, asked)  # another person has signed in meanwhile
    await provider.authorization.consent(asked, session.user_id)
    return await _decide(browser, asked, is_consented=True)


async def start(browser: Browser, goal: Goal, passed: Passed) -> Response:
    """Start the session, and go on to the person's goal."""
    provider = browser.provider
    cookie = await provider.sign_in.start(
        passed,
        acr=TWO_FACTORS if "mfa" in passed.amr else PASSWORD,
        address=browser.address,
        user_agent=browser.user_agent,
        cookie=browser.session,
    )
    if cookie is None:
        return show_sign_in(browser, goal, Refused())
    if goal.sealed:
        asked = browser.unseal(goal.sealed)
        response = await _decide(browser, asked, cookie=cookie)
    elif goal.then:
        kept = unseal_members(goal.then, _THEN, provider.settings)
        response = browser.redirect(str(kept["path"]))
    else:
        response = browser.redirect("/account")
    return browser.keep_session(response, cookie)


async def _decide(
    browser: Browser,
    asked: AuthorizationRequest,
    *,
    cookie: str | None = None,
    is_consented: bool = False,
) -> Response:
    cookie = cookie or browser.session
    decision = await browser.provider.authorization.decide(
        asked, cookie, is_consented=is_consented
    )
    return await _show(browser, decision, cookie)


async def _show(
    browser: Browser, decision: Decision, cookie: str | None = None
) -> Response:
    settings = browser.provider.settings
    match decision:
        case Redirect(url=url):
            return browser.redirect(url)
        case ErrorPage(description=description):
            return browser.page("error", 400, description=description)
        case SignIn(request=asked):
            lacks_factors = decision.is_again and TWO_FACTORS in (
                decision.acr_values or ()
            )
            return show_sign_in(
                browser,
                Goal(sealed=asked.seal(settings, browser=browser.token)),
                why="factors" if lacks_factors else "",
                username=asked.login_hint or "",
                sign_in=decision,
            )
        case AskConsent(request=asked, client=client):
            return browser.page(
                "consent",
                sealed=asked.seal(settings, browser=browser.token),
                client=client,
                asked=asked,
                scopes=await explain(browser.provider, asked.scopes),
                session=await browser.provider.session(cookie),
                target=asked.redirect_uri,
            )


def show_sign_in(
    browser: Browser,
    goal: Goal,
    refused: Refused | None = None,
    *,
    why: str = "",
    username: str = "",
    sign_in: SignIn | None = None,
) -> Response:
    """Ask for the password, or a passkey."""
    passkeys = browser.site.passkeys
    return browser.page(
        "sign_in",
        _status(refused),
        goal=goal,
        refused=refused,
        target=goal.target(browser),
        passkey=passkeys and passkeys.begin(browser=browser.token),
        script="passkeys" if passkeys else "",
        why=why,
        username=username,
        sign_in=sign_in,
    )


async def show_second_factor(
    browser: Browser, goal: Goal, passed: Passed, refused: Refused | None = None
) -> Response:
    """Ask a person with a right password for a code, or a passkey."""
    passkeys = browser.site.passkeys
    asked = passkeys and await passkeys.begin_second(passed, browser=browser.token)
    return browser.page(
        "second_factor",
        _status(refused),
        goal=goal,
        refused=refused,
        target=goal.target(browser),
        passed=passed.seal(browser.provider.settings, browser=browser.token),
        passkey=asked,
        script="passkeys" if asked else "",
    )


def _status(refused: Refused | None) -> int:
    if refused is None:
        return 200
    return 401 if refused.retry_after is None else 429
