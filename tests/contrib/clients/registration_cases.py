"""Dynamic registration and its management (RFC 7591, RFC 7592)."""

from tests.contrib.clients.cases import case
from tests.contrib.clients.stage import Stage, joined, outcome, registered

_FLOW = "registration"


@case(_FLOW, "confidential client signs a person in", "tokens, alive")
def _(stage: Stage) -> str:
    found = registered(stage)
    tokens = stage.sign_in(
        stage.driver(
            found["client_id"],
            method=found["token_endpoint_auth_method"],
            secret=found["client_secret"],
        )
    )
    return f"{outcome(lambda: tokens)}, {stage.subject(tokens)}"


@case(_FLOW, "a scope that was not registered", "ErrorPage: invalid_scope")
def _(stage: Stage) -> str:
    found = registered(stage, token_endpoint_auth_method="none", scope="openid profile")
    return stage.visit(stage.driver(found["client_id"]).begin())


@case(_FLOW, "redirect_uri without TLS", "invalid_redirect_uri")
def _(stage: Stage) -> str:
    return outcome(lambda: registered(stage, redirect_uris=["http://x.example/"]))


@case(_FLOW, "managed with its token", "ok")
def _(stage: Stage) -> str:
    found = registered(stage)
    url, token = found["registration_client_uri"], found["registration_access_token"]
    return outcome(lambda: stage.driver().get(url, token))


@case(_FLOW, "managed with the token of another client", "invalid_token")
def _(stage: Stage) -> str:
    found, other = registered(stage), registered(stage)
    url, token = found["registration_client_uri"], other["registration_access_token"]
    return outcome(lambda: stage.driver().get(url, token))


@case(_FLOW, "managed at another tenant", "invalid_token")
def _(stage: Stage) -> str:
    found = registered(stage)
    url = found["registration_client_uri"].replace(stage.issuer, stage.abroad.issuer)
    return outcome(lambda: stage.driver().get(url, found["registration_access_token"]))


@case(_FLOW, "deleted: nothing of it works", "tokens, invalid_token, invalid_client")
def _(stage: Stage) -> str:
    grants = ["authorization_code", "refresh_token"]
    found = registered(stage, token_endpoint_auth_method="none", grant_types=grants)
    driver = stage.driver(found["client_id"])
    tokens = stage.sign_in(driver)
    url, token = found["registration_client_uri"], found["registration_access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert stage.issuers.browser.delete(url, headers=headers).status_code == 204
    return joined(
        lambda: tokens,
        lambda: stage.subject(tokens),
        lambda: driver.refresh(tokens["refresh_token"]),
    )
