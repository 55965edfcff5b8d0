"""The authorization code with PKCE, and the refresh of its tokens."""

from datetime import timedelta

from tests.contrib.clients.cases import case
from tests.contrib.clients.drivers import Tokens
from tests.contrib.clients.stage import (
    AT_ONCE,
    Stage,
    at_once,
    outcome,
    scope_of,
    without,
)

CODE, PKCE, REFRESH = "code", "code: PKCE", "refresh"
_VERIFIER = "x" * 43


@case(CODE, "right", "tokens, alive")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    assert {"id_token", "refresh_token"} <= tokens.keys()
    return f"{outcome(lambda: tokens)}, {stage.subject(tokens)}"


@case(CODE, "right, confidential client", "tokens, alive")
def _(stage: Stage) -> str:
    tokens = stage.sign_in(stage.driver("basic"))
    return f"{outcome(lambda: tokens)}, {stage.subject(tokens)}"


@case(CODE, "replayed: the first tokens die", "invalid_grant, invalid_token")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin())
    tokens = driver.redeem(callback)
    return f"{outcome(lambda: driver.redeem(callback))}, {stage.subject(tokens)}"


@case(CODE, "expired", "invalid_grant")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin())
    stage.later(timedelta(minutes=2))
    return outcome(lambda: driver.redeem(callback))


@case(CODE, "wrong client", "invalid_grant")
def _(stage: Stage) -> str:
    driver, thief = stage.driver(), stage.driver("other")
    callback = stage.visit(driver.begin())
    thief.begin()
    return outcome(
        lambda: thief.redeem(
            without(callback, state=_state_of(thief.begin())),
            code_verifier=driver.verifier or "",
        )
    )


@case(CODE, "wrong secret", "invalid_client")
def _(stage: Stage) -> str:
    driver = stage.driver("basic", secret="guess")
    callback = stage.visit(driver.begin())
    return outcome(lambda: driver.redeem(callback))


@case(CODE, "wrong redirect_uri at the token endpoint", "invalid_grant")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin())
    return outcome(
        lambda: driver.redeem(callback, redirect_uri="https://evil.example/")
    )


@case(CODE, "unregistered redirect_uri", "ErrorPage: invalid_request")
def _(stage: Stage) -> str:
    driver = stage.driver(redirect_uri="https://evil.example/")
    return stage.visit(driver.begin())


@case(CODE, "unknown scope", "invalid_scope")
def _(stage: Stage) -> str:
    driver = stage.driver(scope="openid everything")
    callback = stage.visit(driver.begin())
    return outcome(lambda: driver.redeem(callback))


@case(CODE, "prompt=none without consent", "consent_required")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin(prompt="none"))
    return outcome(lambda: driver.redeem(callback))


@case(CODE, "prompt that is not defined", "invalid_request")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin(prompt="often"))
    return outcome(lambda: driver.redeem(callback))


@case(CODE, "resource", "tokens, alive at the API")
def _(stage: Stage) -> str:
    driver = stage.driver(scope="openid articles")
    tokens = stage.sign_in(driver, resource=stage.api)
    assert driver.get(stage.api, tokens["access_token"])["for"] == stage.ann.username
    return f"{outcome(lambda: tokens)}, {stage.subject(tokens)} at the API"


@case(CODE, "resource that was not granted", "invalid_target")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin(resource=stage.api))
    return outcome(lambda: driver.redeem(callback, resource="https://x.example"))


@case(CODE, "code of another tenant", "invalid_grant")
def _(stage: Stage) -> str:
    driver = stage.driver()
    url = driver.begin()
    callback = stage.abroad.visit(url.replace(stage.issuer, stage.abroad.issuer))
    return outcome(lambda: driver.redeem(callback))


@case(CODE, "cookie of another tenant", "SignIn")
def _(stage: Stage) -> str:
    return stage.visit(stage.driver().begin(), cookie=stage.abroad.cookie)


@case(CODE, "eight at once: one has tokens, which die", "1 of 8, invalid_token")
def _(stage: Stage) -> str:
    drivers = [stage.driver() for _ in range(AT_ONCE)]
    first = drivers[0]
    callback = stage.visit(first.begin())
    state = _state_of(callback)
    calls = [lambda: first.redeem(callback)]
    for driver in drivers[1:]:
        driver.begin(state=state)
        calls.append(
            lambda each=driver: each.redeem(  # type: ignore[misc]  # bound now
                callback, code_verifier=first.verifier
            )
        )
    answers = at_once(calls)
    tokens = [each for each in answers if isinstance(each, dict)]
    assert answers.count("invalid_grant") == AT_ONCE - len(tokens)
    return f"{len(tokens)} of {AT_ONCE}, {stage.subject(tokens[0])}"


@case(
    CODE,
    "tenant suspended before it is redeemed",
    "invalid_client",
    is_alone=True,
)
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin())
    stage.suspend()
    return outcome(lambda: driver.redeem(callback))


@case(PKCE, "wrong verifier", "invalid_grant")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin())
    return outcome(lambda: driver.redeem(callback, code_verifier=_VERIFIER))


@case(PKCE, "no verifier", "invalid_grant")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin())
    return outcome(lambda: driver.redeem(callback, code_verifier=""))


@case(PKCE, "challenge removed on the way", "invalid_request")
def _(stage: Stage) -> str:
    driver = stage.driver()
    url = without(driver.begin(), "code_challenge", "code_challenge_method")
    callback = stage.visit(url)
    return outcome(lambda: driver.redeem(callback))


@case(PKCE, "verifier without a challenge", "invalid_grant")
def _(stage: Stage) -> str:
    driver = stage.driver("basic")
    url = without(driver.begin(), "code_challenge", "code_challenge_method")
    callback = stage.visit(url)
    return outcome(lambda: driver.redeem(callback))


@case(PKCE, "method plain", "invalid_request")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(without(driver.begin(), code_challenge_method="plain"))
    return outcome(lambda: driver.redeem(callback))


@case(REFRESH, "right", "tokens, alive")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    second = _refreshed(stage, first)
    assert second["refresh_token"] != first["refresh_token"]
    return f"{outcome(lambda: second)}, {stage.subject(second)}"


@case(REFRESH, "lost answer: the same tokens again", "tokens, alive")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    second, again = _refreshed(stage, first), _refreshed(stage, first)
    assert second["access_token"] == again["access_token"]
    assert second["refresh_token"] == again["refresh_token"]
    return f"{outcome(lambda: again)}, {stage.subject(again)}"


@case(REFRESH, "reused later: the family dies", "invalid_grant, invalid_token")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    second = _refreshed(stage, first)
    stage.later(timedelta(minutes=1))
    return f"{outcome(lambda: _refreshed(stage, first))}, {stage.subject(second)}"


@case(REFRESH, "expired", "invalid_grant")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    stage.later(timedelta(days=15))
    return outcome(lambda: _refreshed(stage, first))


@case(REFRESH, "after sign-out everywhere", "invalid_grant")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    with stage.tenant.unit(autocommit=True) as store:
        store.users.revoke_tokens(tenant_id=stage.tenant.id, user_id=stage.ann.id)
    return outcome(lambda: _refreshed(stage, first))


@case(REFRESH, "wrong client", "invalid_grant")
def _(stage: Stage) -> str:
    first, thief = stage.sign_in(), stage.driver("other")
    return outcome(lambda: thief.refresh(first["refresh_token"]))


@case(REFRESH, "token of another tenant", "invalid_grant")
def _(stage: Stage) -> str:
    first = stage.abroad.sign_in()
    return outcome(lambda: _refreshed(stage, first))


@case(REFRESH, "access token in its place", "invalid_grant")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    return outcome(lambda: stage.driver().refresh(first["access_token"]))


@case(REFRESH, "narrowed scopes", "openid")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    return scope_of(stage.driver().refresh(first["refresh_token"], scope="openid"))


@case(REFRESH, "wider scopes", "invalid_scope")
def _(stage: Stage) -> str:
    first = stage.sign_in(stage.driver(scope="openid"))
    return outcome(
        lambda: stage.driver().refresh(first["refresh_token"], scope="openid email")
    )


@case(REFRESH, "eight at once: the same tokens", "8 of 8, 1 token, alive")
def _(stage: Stage) -> str:
    first = stage.sign_in()
    drivers = [stage.driver() for _ in range(AT_ONCE)]
    answers = at_once(
        [lambda each=each: each.refresh(first["refresh_token"]) for each in drivers]  # type: ignore[misc]  # bound now
    )
    tokens = [each for each in answers if isinstance(each, dict)]
    distinct = {each["access_token"] for each in tokens}
    alive = stage.subject(tokens[0])
    return f"{len(tokens)} of {AT_ONCE}, {len(distinct)} token, {alive}"


@case(REFRESH, "tenant suspended, and resumed", "invalid_client, tokens", is_alone=True)
def _(stage: Stage) -> str:
    first = stage.sign_in()
    stage.suspend()
    refused = outcome(lambda: _refreshed(stage, first))
    stage.resume()
    return f"{refused}, {outcome(lambda: _refreshed(stage, first))}"


def _refreshed(stage: Stage, tokens: Tokens) -> Tokens:
    return stage.driver().refresh(tokens["refresh_token"])


def _state_of(url: str) -> str:
    return url.partition("state=")[2].partition("&")[0]
