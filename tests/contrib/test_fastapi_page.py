"""The issuer of docs/fastapi.md, with the requests of a browser and of Authlib."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from starlette.requests import Request

from authority_queries.contrib.fastapi import address_of
from authority_queries.errors import ConfigurationError
from tests.conftest import Databases
from tests.contrib.flows import VERIFIER
from tests.contrib.serving import free_port, own_authority, serving

pytestmark = pytest.mark.one_version

PAGE: Final = (Path(__file__).parents[2] / "docs" / "fastapi.md").read_text()
_BLOCK: Final = r"(?<=^```{}\n)(.*?)(?=^```)"
TENANT, ISSUER = re.findall(_BLOCK.format("py"), PAGE, re.DOTALL | re.MULTILINE)
(TEMPLATE,) = re.findall(_BLOCK.format("html"), PAGE, re.DOTALL | re.MULTILINE)
MOST_LINES = 185
CALLBACK = "http://127.0.0.1:7777/callback"


def run(code: str) -> dict[str, Any]:
    """Run the page's code. Return its names."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(code, "docs/fastapi.md", "exec"), names)  # noqa: S102 -- our own page
    return names


@pytest.fixture(scope="module")
def issuer(
    all_databases: Databases,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The URL of the page's server, on a database of its own."""
    folder, port = tmp_path_factory.mktemp("issuer"), free_port()
    (folder / "templates").mkdir()
    (folder / "templates" / "page.html").write_text(TEMPLATE)
    url = f"http://127.0.0.1:{port}"
    with (
        own_authority(all_databases, template) as (_, settings),
        pytest.MonkeyPatch.context() as patch,
    ):
        assert settings.database_url is not None
        database = settings.database_url.get_secret_value()
        patch.setenv("AUTHORITY_DATABASE_URL", database)
        patch.setenv("ISSUER", url)
        patch.setenv("ISSUER_SECRET", secrets.token_hex(64))
        patch.chdir(folder)
        run(TENANT)
        with serving(run(ISSUER)["app"], port):
            yield url


@contextmanager
def browsing(issuer: str) -> Iterator[httpx.Client]:
    headers = {"Origin": issuer}
    with httpx.Client(base_url=issuer, headers=headers, trust_env=False) as browser:
        yield browser


@pytest.fixture
def browser(issuer: str) -> Iterator[httpx.Client]:
    with browsing(issuer) as browser:
        yield browser


@pytest.fixture
def client(issuer: str) -> Iterator[OAuth2Client]:
    with OAuth2Client(
        "cli",
        redirect_uri=CALLBACK,
        scope="openid articles.read",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
        token_endpoint=f"{issuer}/token",
        trust_env=False,
    ) as client:
        yield client


def submit(
    browser: httpx.Client, page: httpx.Response, **fields: str
) -> httpx.Response:
    """Submit the form of a page, with its hidden fields."""
    assert page.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    hidden = re.findall('type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    kept = {name: unescape(value) for name, value in hidden}
    return browser.post(page.url, data={**kept, **fields})


def sign_in(browser: httpx.Client, page: httpx.Response) -> httpx.Response:
    return submit(browser, page, username="ann", password="swordfish")


def begin(browser: httpx.Client, client: OAuth2Client, **more: str) -> httpx.Response:
    """Open the client's request for authorization."""
    where = str(browser.base_url).rstrip("/") + "/authorize"
    url, _ = client.create_authorization_url(where, code_verifier=VERIFIER, **more)
    return browser.get(url)


def test_an_application_signs_a_person_in_and_out(
    browser: httpx.Client, client: OAuth2Client, issuer: str
) -> None:
    page = begin(browser, client)
    assert "Sign in to Acme on the command line" in page.text
    assert "not right" in submit(browser, page, username="ann", password="x").text
    asked = sign_in(browser, page)
    assert "It asks for openid, articles.read" in asked.text
    assert "Allow" in submit(browser, asked, answer="yes", user="another").text
    answer = submit(browser, asked, answer="yes")
    location = answer.headers["location"]
    assert answer.status_code == 303
    tokens = client.fetch_token(authorization_response=location, code_verifier=VERIFIER)
    assert client.get(f"{issuer}/userinfo").json()["sub"]
    old = tokens["access_token"]
    assert client.refresh_token()["access_token"] != old
    # The consent is stored: the next request needs no page.
    assert begin(browser, client).headers["location"].startswith(f"{CALLBACK}?code=")
    left = browser.get("/end_session", params={"id_token_hint": tokens["id_token"]})
    assert "Signed out" in left.text
    assert client.get(f"{issuer}/userinfo").status_code == 401
    assert "Sign in to" in begin(browser, client).text


def test_a_refusal_and_an_error_are_told_apart(
    browser: httpx.Client, client: OAuth2Client
) -> None:
    page = begin(browser, client, prompt="consent")
    refused = submit(browser, sign_in(browser, page), answer="no")
    assert "error=access_denied" in refused.headers["location"]
    wrong = browser.get("/authorize", params={"client_id": "cli", "redirect_uri": "x:"})
    assert (wrong.status_code, "location" in wrong.headers) == (400, False)
    changed = browser.post("/authorize", data={"ticket": "changed"})
    assert (changed.status_code, "form is not of" in changed.text) == (400, True)
    assert "Sign out?" in (asked := browser.get("/end_session")).text
    assert "Signed out" in submit(browser, asked).text


def test_a_form_of_another_site_does_nothing(
    browser: httpx.Client, client: OAuth2Client
) -> None:
    page = begin(browser, client)
    browser.headers["Origin"] = "https://evil.example"
    assert sign_in(browser, page).status_code == 403
    assert browser.post("/device", data={"user_code": "x"}).status_code == 403
    assert not browser.cookies


def test_a_person_connects_a_device(browser: httpx.Client, issuer: str) -> None:
    given = {"client_id": "cli", "scope": "openid articles.read"}
    begun = browser.post("/device_authorization", data=given).json()
    page = browser.get(begun["verification_uri_complete"])
    page = sign_in(browser, page)
    assert f'name="user_code" value="{begun["user_code"]}"' in page.text
    poll = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": begun["device_code"],
        "client_id": "cli",
    }
    pending = browser.post("/token", data=poll).json()
    assert pending["error"] == "authorization_pending"
    wrong = submit(browser, page, user_code="BCDF-GHJK")
    assert "Code on the device" in wrong.text
    asked = submit(browser, page, user_code=begun["user_code"])
    assert "Acme on the command line on a device" in asked.text
    assert "approved" in submit(browser, asked, answer="yes").text
    tokens = browser.post("/token", data=poll).json()
    assert tokens["scope"] == "openid articles.read"
    assert "invalid" in submit(browser, asked, answer="yes").text


def test_a_server_that_names_no_address_is_an_error() -> None:
    for client in (None, ("testclient", 50000)):
        request = Request({"type": "http", "client": client})
        with pytest.raises(ConfigurationError, match=r"TestClient\(app, client="):
            address_of(request)
    request = Request({"type": "http", "client": ("fe80::1%eth0", 1)})
    assert str(address_of(request)) == "fe80::1"


def test_the_issuer_has_at_most_185_lines(figures: list[str]) -> None:
    lines = [line for line in ISSUER.splitlines() if line.strip()]
    figures.append(f"{len(lines)} lines for an issuer with pages on FastAPI")
    assert len(lines) <= MOST_LINES
