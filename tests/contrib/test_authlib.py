"""The server of docs/authlib.md on Flask, and Authlib's own hooks."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, Response
from flask.testing import FlaskClient
from jinja2 import DictLoader
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from authority_queries import Authority
from authority_queries.contrib.authlib import (
    AuthorizationCodeGrant,
    Issuer,
    StoredToken,
    TokenEndpoint,
)
from authority_queries.contrib.oauth import Provider
from authority_queries.credentials import hash_client_secret
from authority_queries.records import Client, User
from authority_queries.testing import SampleTenant
from tests.contrib.flows import (
    CALLBACK,
    CHALLENGE,
    ISSUER,
    VERIFIER,
    basic,
    enroll_totp,
    proof,
)

pytestmark = pytest.mark.one_version

PAGE: Final = (Path(__file__).parents[2] / "docs" / "authlib.md").read_text()
SERVER, DJANGO, API, CHANGE = re.findall(
    r"(?<=^```py\n)(.*?)(?=^```)", PAGE, re.DOTALL | re.MULTILINE
)
(TEMPLATE,) = re.findall(
    r"(?<=^```html\n)(.*?)(?=^```)", PAGE, re.DOTALL | re.MULTILINE
)
MOST_LINES = 40
ORIGIN = {"Origin": ISSUER}
QUERY = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": CALLBACK,
    "scope": "openid profile",
    "state": "xyz",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def made(code: str, name: str, argument: object) -> Flask:
    """Run the page's code, and return the application that its function creates."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(code, "docs/authlib.md", "exec"), names)  # noqa: S102 -- our own page
    app: Flask = names[name](argument)
    app.testing = True
    app.jinja_loader = DictLoader({"authorize.html": TEMPLATE})
    return app


@pytest.fixture
def ann(authority_tenant: SampleTenant) -> User:
    return authority_tenant.user("ann", password="swordfish", display_name="Ann")


@pytest.fixture
def browser(provider: Provider, app: Client, ann: User) -> FlaskClient:
    return client_of(made(SERVER, "create_app", provider))


def client_of(app: Flask) -> FlaskClient:
    app.config["SERVER_NAME"] = urlsplit(ISSUER).netloc
    app.config["PREFERRED_URL_SCHEME"] = "https"
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    return client


def authorize(browser: FlaskClient, form: dict[str, str], **more: str) -> TestResponse:
    """Post a form of the page, or get the page without one."""
    query = {**QUERY, **more}
    if not form:
        return browser.get("/authorize", query_string=query, base_url=ISSUER)
    return browser.post(
        "/authorize", query_string=query, data=form, headers=ORIGIN, base_url=ISSUER
    )


def query_of(response: TestResponse) -> dict[str, str]:
    """Return the parameters of a redirect to the client."""
    assert response.status_code == 302, response.text
    assert response.location.startswith(CALLBACK)
    return {k: v for k, (v,) in parse_qs(urlsplit(response.location).query).items()}


def code_for(browser: FlaskClient, **more: str) -> str:
    """Sign in, consent, and return the code."""
    form = authorize(browser, {}, **more)
    assert "password" in form.text
    ticket = re.findall('name="ticket" value="([^"]+)"', form.text)[0]
    signed = {"ticket": ticket, "username": "ann", "password": "swordfish"}
    asked = authorize(browser, signed, **more)
    assert "Allow" in asked.text
    answer = authorize(browser, {"ticket": ticket, "answer": "yes"}, **more)
    query = query_of(answer)
    assert (query["state"], query["iss"]) == ("xyz", ISSUER)
    return query["code"]


def post(browser: FlaskClient, path: str, **form: str) -> TestResponse:
    return browser.post(path, data=form, base_url=ISSUER)


def redeem(browser: FlaskClient, code: str, **more: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **more,
    }
    return post(browser, "/token", **form)


def error(response: TestResponse, status: int = 400) -> str:
    assert response.status_code == status, response.text
    assert response.json is not None
    found: str = response.json["error"]
    return found


def tokens(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    found: dict[str, str] = response.json or {}
    return found


def test_the_server_has_at_most_40_lines(figures: list[str]) -> None:
    lines = [line for line in SERVER.splitlines() if line.strip()]
    figures.append(f"{len(lines)} lines for a server on Authlib")
    assert len(lines) <= MOST_LINES


def test_a_code_is_redeemed_once_and_refreshed(browser: FlaskClient) -> None:
    code = code_for(browser)
    assert error(redeem(browser, code, code_verifier="x" * 43)) == "invalid_grant"
    code = query_of(authorize(browser, {}))["code"]  # the consent is stored
    first = tokens(redeem(browser, code))
    assert first["id_token"].count(".") == 2
    claims = browser.get(
        "/userinfo",
        headers={"Authorization": f"Bearer {first['access_token']}"},
        base_url=ISSUER,
    )
    assert (claims.json or {})["name"] == "Ann"
    refreshing = {"grant_type": "refresh_token", "client_id": "app"}
    second = tokens(
        post(browser, "/token", refresh_token=first["refresh_token"], **refreshing)
    )
    assert second["access_token"] != first["access_token"]
    assert error(redeem(browser, code)) == "invalid_grant"
    replayed = post(
        browser, "/token", refresh_token=second["refresh_token"], **refreshing
    )
    assert error(replayed) == "invalid_grant"  # the replay has ended the family


def test_of_eight_redemptions_at_once_one_succeeds(browser: FlaskClient) -> None:
    code = code_for(browser)
    app = browser.application

    def attempt(_: int) -> int:
        return redeem(client_of(app), code).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(attempt, range(8)))
    assert sorted(statuses) == [200] + [400] * 7


def test_the_page_asks_again_for_prompt_login_once(browser: FlaskClient) -> None:
    code_for(browser)
    assert query_of(authorize(browser, {}, prompt="none"))["code"]
    form = authorize(browser, {}, prompt="login")
    assert "password" in form.text
    ticket = re.findall('name="ticket" value="([^"]+)"', form.text)[0]
    signed = {"ticket": ticket, "username": "ann", "password": "swordfish"}
    assert "code" in query_of(authorize(browser, signed, prompt="login"))
    other = authorize(browser, {"ticket": "forged", "answer": "yes"})
    assert error(other) == "invalid_request"


def test_a_refusal_goes_to_the_client_or_to_the_person(browser: FlaskClient) -> None:
    query = query_of(authorize(browser, {}, prompt="none"))
    assert (query["error"], query["iss"]) == ("login_required", ISSUER)
    signed = {"username": "ann", "password": "swordfish"}
    assert "Allow" in authorize(browser, signed).text
    refused = authorize(browser, {"answer": "no"})
    assert query_of(refused)["error"] == "access_denied"
    assert query_of(authorize(browser, {}, scope="nonsense"))["error"] == (
        "invalid_scope"
    )
    evil = authorize(browser, {}, redirect_uri="https://evil.example")
    assert error(evil) == "invalid_request"
    assert error(authorize(browser, {}, client_id="nobody")) == "invalid_client"
    foreign = browser.post(
        "/authorize",
        query_string=QUERY,
        data={"answer": "yes"},
        headers={"Origin": "https://evil.example"},
        base_url=ISSUER,
    )
    assert foreign.status_code == 403
    wrong = {"username": "ann", "password": "wrong"}
    assert "password" in authorize(browser, wrong).text


def test_a_confidential_client_authenticates_in_its_way(
    browser: FlaskClient, authority_tenant: SampleTenant
) -> None:
    authority_tenant.client("job", secret="s3cret", grant_types=["client_credentials"])
    header = dict([basic("job", "s3cret")])
    grant = {"grant_type": "client_credentials"}

    def ask(path: str, headers: dict[str, str], **form: str) -> TestResponse:
        return browser.post(path, data=form, headers=headers, base_url=ISSUER)

    token = tokens(ask("/token", header, **grant))["access_token"]
    wrong = ask("/token", dict([basic("job", "wrong")]), **grant)
    unknown = ask("/token", dict([basic("nobody", "s3cret")]), **grant)
    assert error(wrong, 401) == "invalid_client"
    assert wrong.data == unknown.data  # one answer for every reason
    assert "Basic" in wrong.headers["WWW-Authenticate"]
    public = post(browser, "/token", client_id="app", **grant)
    assert error(public, 401) == "invalid_client"
    other = ask("/token", header, grant_type="refresh_token", refresh_token="x")
    assert error(other) == "unauthorized_client"
    found = ask("/introspect", header, token=token).json or {}
    assert (found["active"], found["client_id"]) == (True, "job")
    assert post(browser, "/introspect", token=token, client_id="app").status_code == 401
    # Another client's revocation does nothing, and the answer does not show it.
    assert tokens(post(browser, "/revoke", token=token, client_id="app")) == {}
    assert (ask("/introspect", header, token=token).json or {})["active"]
    assert tokens(ask("/revoke", header, token=token)) == {}
    assert ask("/introspect", header, token=token).json == {"active": False}
    assert ask("/introspect", header, token="nonsense").json == {"active": False}


def test_a_client_sends_the_proof_that_it_must(
    browser: FlaskClient, authority_tenant: SampleTenant
) -> None:
    with authority_tenant.unit() as store:
        client = store.clients.create(
            tenant_id=authority_tenant.id,
            client_id="job",
            client_type="confidential",
            requirements=["ft:dpop"],
        )
        store.client_secrets.add(
            tenant_id=authority_tenant.id,
            client_uuid=client.id,
            secret_hash=hash_client_secret("s3cret"),
        )

    def ask(*headers: tuple[str, str]) -> TestResponse:
        return browser.post(
            "/token",
            data={"grant_type": "client_credentials"},
            headers=dict([basic("job", "s3cret"), *headers]),
            base_url=ISSUER,
        )

    assert error(ask()) == "invalid_dpop_proof"
    given = proof(ECKey.generate_key("P-256"), "POST", f"{ISSUER}/token")
    assert tokens(ask(given))["token_type"] == "DPoP"


def test_a_second_factor_is_required(
    browser: FlaskClient, provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    code = enroll_totp(provider, authority_tenant, ann)
    form = {"username": "ann", "password": "swordfish"}
    assert "password" in authorize(browser, form).text
    assert "password" in authorize(browser, {**form, "code": "000000"}).text
    assert "Allow" in authorize(browser, {**form, "code": code}).text


def test_a_device_polls_until_it_is_approved(
    browser: FlaskClient,
    provider: Provider,
    authority_tenant: SampleTenant,
    ann: User,
) -> None:
    codes = tokens(post(browser, "/device_authorization", client_id="app"))
    polling = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": codes["device_code"],
        "client_id": "app",
    }
    assert error(post(browser, "/token", **polling)) == "authorization_pending"
    assert error(post(browser, "/token", **polling)) == "slow_down"
    cookie, _ = authority_tenant.session(ann)
    assert provider.device_pages.approve(codes["user_code"], cookie) == "approved"
    assert tokens(post(browser, "/token", **polling))["access_token"]


def test_extensions_of_authlib_see_the_code(
    provider: Provider, app: Client, ann: User
) -> None:
    seen: list[str | None] = []

    class Watched(AuthorizationCodeGrant):
        def query_authorization_code(
            self, code: str, client: object
        ) -> StoredToken | None:
            found = super().query_authorization_code(code, client)
            seen.append(None if found is None else found.code_challenge)
            return found

    flask = made(SERVER, "create_app", provider)
    issuer = Issuer(provider)
    server = AuthorizationServer(flask, issuer.query_client, issuer.save_token)
    issuer.authenticate_with(server)
    server.register_grant(issuer.bind(Watched), [CodeChallenge(required=True)])
    server.register_endpoint(issuer.bind(TokenEndpoint))

    @flask.post("/other")
    def other() -> Response:
        found = server.create_endpoint_response("token")  # type: ignore[no-untyped-call]  # of types-Authlib
        assert isinstance(found, Response)
        return found

    browser = client_of(flask)
    form = {
        "grant_type": "authorization_code",
        "code": code_for(browser),
        "client_id": "app",
        "redirect_uri": CALLBACK,
    }
    # Authlib's extension refuses it before it is redeemed.
    assert error(post(browser, "/other", **form)) == "invalid_request"
    assert tokens(post(browser, "/other", code_verifier=VERIFIER, **form))
    assert seen == [CHALLENGE, CHALLENGE]


def test_a_protected_view_requires_scope_and_resource(
    authority: Authority, authority_tenant: SampleTenant, app: Client, ann: User
) -> None:
    api = made(API, "create_api", authority).test_client()

    def ask(*scopes: str, resource: str = "https://api.example") -> TestResponse:
        token = authority_tenant.access_token(
            app, ann, scopes=scopes, resources=[resource]
        )
        return api.get("/articles", headers={"Authorization": f"Bearer {token}"})

    assert ask("articles.read").json == {"for": "ann"}
    assert error(ask("other"), 403) == "insufficient_scope"
    assert error(ask("articles.read", resource="https://b.example"), 401) == (
        "invalid_token"
    )
    assert api.get("/articles").status_code == 401
