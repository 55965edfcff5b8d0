"""Pushed requests, introspection, revocation, userinfo and the API."""

from datetime import timedelta
from urllib.parse import urlencode

from tests.contrib.clients.cases import case
from tests.contrib.clients.drivers import Driver, Tokens, query_of
from tests.contrib.clients.stage import AT_ONCE, Stage, at_once, joined, outcome

PAR, INTROSPECTION, REVOCATION = "pushed request", "introspection", "revocation"
USERINFO, API = "userinfo", "protected resource"
_UNUSABLE = "ErrorPage: invalid_request"


@case(PAR, "right", "tokens")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(_pushed(driver))
    return outcome(lambda: driver.redeem(callback))


@case(PAR, "used", _UNUSABLE)
def _(stage: Stage) -> str:
    url = _pushed(stage.driver())
    stage.visit(url)
    return stage.visit(url)


@case(PAR, "expired", _UNUSABLE)
def _(stage: Stage) -> str:
    url = _pushed(stage.driver())
    stage.later(timedelta(minutes=2))
    return stage.visit(url)


@case(PAR, "of another client", _UNUSABLE)
def _(stage: Stage) -> str:
    url = _pushed(stage.driver())
    return stage.visit(url.replace("client_id=app", "client_id=other"))


@case(PAR, "of another tenant", _UNUSABLE)
def _(stage: Stage) -> str:
    url = _pushed(stage.abroad.driver())
    return stage.visit(url.replace(stage.abroad.issuer, stage.issuer))


@case(PAR, "wrong secret", "invalid_client")
def _(stage: Stage) -> str:
    return outcome(lambda: _pushed(stage.driver("basic", secret="guess")))


@case(PAR, "unregistered redirect_uri", "invalid_request")
def _(stage: Stage) -> str:
    driver = stage.driver(redirect_uri="https://evil.example/")
    return outcome(lambda: _pushed(driver))


@case(INTROSPECTION, "access token", "active")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    found = _introspected(stage, tokens["access_token"])
    assert (found["iss"], found["client_id"]) == (stage.issuer, "app")
    assert (found["sub"], found["username"]) == (
        stage.ann.subject_id,
        stage.ann.username,
    )
    return _activity(stage, tokens["access_token"])


@case(INTROSPECTION, "refresh token of another client", "inactive")
def _(stage: Stage) -> str:
    return _activity(stage, stage.sign_in()["refresh_token"])


@case(INTROSPECTION, "expired", "inactive")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    stage.later(timedelta(hours=1))
    return _activity(stage, tokens["access_token"])


@case(INTROSPECTION, "revoked", "inactive")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    stage.driver().post("/revoke", {"token": tokens["access_token"]})
    return _activity(stage, tokens["access_token"])


@case(INTROSPECTION, "token of another tenant", "inactive")
def _(stage: Stage) -> str:
    return _activity(stage, stage.abroad.sign_in()["access_token"])


@case(INTROSPECTION, "nonsense", "inactive")
def _(stage: Stage) -> str:
    return _activity(stage, "nonsense")


@case(INTROSPECTION, "public client", "invalid_client")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    form = {"token": tokens["access_token"]}
    return outcome(lambda: stage.driver().post("/introspect", form))


@case(INTROSPECTION, "wrong secret", "invalid_client")
def _(stage: Stage) -> str:
    driver = stage.driver("basic", secret="guess")
    return outcome(lambda: driver.post("/introspect", {"token": "x"}))


@case(INTROSPECTION, "eight at once", "8 of 8 active")
def _(stage: Stage) -> str:
    form = {"token": stage.sign_in()["access_token"]}
    drivers = [stage.driver("basic") for _ in range(AT_ONCE)]
    found = at_once(
        [lambda each=each: each.post("/introspect", form) for each in drivers]  # type: ignore[misc]  # bound now
    )
    active = [each for each in found if isinstance(each, dict) and each["active"]]
    return f"{len(active)} of {AT_ONCE} active"


@case(REVOCATION, "access token: the family lives", "ok, invalid_token, tokens")
def _(stage: Stage) -> str:
    tokens, driver = stage.sign_in(), stage.driver()
    revoked = outcome(lambda: driver.post("/revoke", {"token": tokens["access_token"]}))
    dead = stage.subject(tokens)
    refreshed = outcome(lambda: driver.refresh(tokens["refresh_token"]))
    return f"{revoked}, {dead}, {refreshed}"


@case(REVOCATION, "refresh token: the family dies", "ok, invalid_token, invalid_grant")
def _(stage: Stage) -> str:
    tokens, driver = stage.sign_in(), stage.driver()
    form = {"token": tokens["refresh_token"]}
    revoked = outcome(lambda: driver.post("/revoke", form))
    dead = stage.subject(tokens)
    refreshed = outcome(lambda: driver.refresh(tokens["refresh_token"]))
    return f"{revoked}, {dead}, {refreshed}"


@case(REVOCATION, "twice", "ok, ok")
def _(stage: Stage) -> str:
    driver, form = stage.driver(), {"token": stage.sign_in()["refresh_token"]}
    return joined(*(lambda: driver.post("/revoke", form) for _ in range(2)))


@case(REVOCATION, "wrong client: nothing happens", "ok, alive")
def _(stage: Stage) -> str:
    tokens, thief = stage.sign_in(), stage.driver("other")
    revoked = outcome(lambda: thief.post("/revoke", {"token": tokens["refresh_token"]}))
    return f"{revoked}, {stage.subject(tokens)}"


@case(REVOCATION, "at another tenant: nothing happens", "ok, alive")
def _(stage: Stage) -> str:
    tokens, abroad = stage.sign_in(), stage.abroad.driver()
    form = {"token": tokens["refresh_token"]}
    return f"{outcome(lambda: abroad.post('/revoke', form))}, {stage.subject(tokens)}"


@case(USERINFO, "right", "ok")
def _(stage: Stage) -> str:
    tokens, driver = stage.sign_in(), stage.driver()
    found = driver.get(stage.issuer + "/userinfo", tokens["access_token"])
    assert found["email"] == "ann@shop.example"
    return outcome(lambda: found)


@case(USERINFO, "without the scope openid", "insufficient_scope")
def _(stage: Stage) -> str:
    return stage.subject(stage.sign_in(stage.driver(scope="profile")))


@case(USERINFO, "expired", "invalid_token")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    stage.later(timedelta(hours=1))
    return stage.subject(tokens)


@case(USERINFO, "after the session's end", "invalid_token")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    with stage.tenant.unit(autocommit=True) as store:
        store.sessions.end_all(
            tenant_id=stage.tenant.id, user_id=stage.ann.id, reason="signed_out"
        )
    return stage.subject(tokens)


@case(USERINFO, "token of another tenant", "invalid_token")
def _(stage: Stage) -> str:
    return stage.subject(stage.abroad.sign_in())


@case(USERINFO, "refresh token in its place", "invalid_token")
def _(stage: Stage) -> str:
    return stage.subject({"access_token": stage.sign_in()["refresh_token"]})


@case(USERINFO, "tenant suspended, and resumed", "invalid_client, alive", is_alone=True)
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    stage.suspend()
    refused = stage.subject(tokens)
    stage.resume()
    return f"{refused}, {stage.subject(tokens)}"


@case(API, "right", "ok")
def _(stage: Stage) -> str:
    return _at_api(stage, "articles", resource=stage.api)


@case(API, "without the scope", "insufficient_scope")
def _(stage: Stage) -> str:
    return _at_api(stage, "openid", resource=stage.api)


@case(API, "token without its resource", "invalid_token")
def _(stage: Stage) -> str:
    return _at_api(stage, "articles")


@case(API, "token for another resource", "invalid_token")
def _(stage: Stage) -> str:
    return _at_api(stage, "articles", resource="https://other.example/")


def _pushed(driver: Driver) -> str:
    """Push the request of the client, and return the URL for the browser."""
    form = query_of(driver.begin())
    del form["client_id"]  # the libraries add it when they authenticate
    pushed = driver.post("/par", form)
    query = {"client_id": driver.of.client_id, "request_uri": pushed["request_uri"]}
    return f"{driver.url('/authorize')}?{urlencode(query)}"


def _introspected(stage: Stage, token: str) -> Tokens:
    return stage.driver("basic").post("/introspect", {"token": token})


def _activity(stage: Stage, token: str) -> str:
    found = _introspected(stage, token)
    if found["active"]:
        return "active"
    assert found == {"active": False}
    return "inactive"


def _at_api(stage: Stage, scope: str, **more: str) -> str:
    driver = stage.driver(scope=scope)
    tokens = stage.sign_in(driver, **more)
    return outcome(lambda: driver.get(stage.api, tokens["access_token"]))
