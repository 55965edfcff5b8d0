"""The example as an attacker meets it: over HTTP, at two tenants."""

import base64
import html
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx

from authority_queries import Authority, Settings, Store, hash_password
from authority_queries.credentials.totp import TotpSecret
from authority_queries.engine.json_types import JsonObject
from authority_queries.records import User
from examples.openid_provider.app import make_app
from examples.openid_provider.mail import Outbox
from examples.openid_provider.sample import TENANTS, load_sample
from tests.contrib.flows import CHALLENGE
from tests.contrib.serving import free_port, serving
from tests.contrib.spa import add_spa

PASSWORD: Final = "a password of the tests"
APP: Final = "http://127.0.0.1:8001"
CALLBACK: Final = f"{APP}/callback.html"
REQUEST: Final = {
    "response_type": "code",
    "client_id": "spa",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "state": "xyz",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
_hash: Final = hash_password(PASSWORD)
# It takes a while to make, and nobody here uses TLS.
_TLS: Final = ssl.create_default_context()
# Each request has a connection of its own, which nobody must close.
_LIMITS: Final = httpx.Limits(max_keepalive_connections=0)
_numbers: Final = count(1)


@dataclass
class Target:
    """The two tenants of the example."""

    authority: Authority
    port: int
    outbox: Outbox

    def url(self, code: str = "north") -> str:
        host = "127.0.0.1" if code == "north" else "localhost"
        return f"http://{host}:{self.port}"

    def tenant_id(self, code: str = "north") -> UUID:
        tenant_id = self.authority.find_tenant(code)
        assert tenant_id is not None
        return tenant_id

    @contextmanager
    def unit(self, code: str = "north") -> Iterator[Store]:
        with self.authority.tenant(self.tenant_id(code)) as store:
            yield store

    def user(self, code: str = "north", *, has_email: bool = False) -> User:
        """Create a user with the password of the tests."""
        username = f"eve-{next(_numbers)}"
        with self.unit(code) as store:
            return store.users.create(
                tenant_id=self.tenant_id(code),
                username=username,
                email=f"{username}@mail.example" if has_email else None,
                password_hash=_hash,
            )

    def browser(self, code: str = "north") -> httpx.Client:
        """Return a browser with cookies of its own, which follows no redirect."""
        return httpx.Client(
            base_url=self.url(code),
            trust_env=False,
            timeout=30,
            verify=_TLS,
            limits=_LIMITS,
        )

    def signed_in(self, user: User, code: str = "north") -> httpx.Client:
        browser = self.browser(code)
        page = browser.get("/sign_in")
        given = {"username": user.username, "password": PASSWORD}
        answer = browser.post("/sign_in", data=fields(page) | given)
        assert answer.status_code == 303, answer.text
        return browser

    def register(self, **metadata: object) -> httpx.Response:
        """Register a client as a stranger."""
        with self.browser() as client:
            return client.post("/register", json=metadata)


@contextmanager
def attacked(authority: Authority, settings: Settings) -> Iterator[Target]:
    """Serve the example during the block."""
    port = free_port()
    load_sample(settings, dict.fromkeys(TENANTS, APP))
    hosts = {f"127.0.0.1:{port}": "north", f"localhost:{port}": "south"}
    outbox = Outbox()
    with serving(make_app(settings, "http", hosts, mail=outbox), port):
        target = Target(authority, port, outbox)
        for code in TENANTS:
            with target.unit(code) as store:
                add_spa(store, target.tenant_id(code), APP)
        yield target


def fields(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the first form of a page."""
    form = page.text.partition("<form")[2].partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


def first_code(page: httpx.Response) -> str:
    """Return the code of the authenticator whose secret a page shows."""
    key = page.text.partition('class="key">')[2].partition("<")[0]
    padding = "=" * (-len(key) % 8)
    authenticator = TotpSecret(secret=base64.b32decode(key + padding))
    return authenticator.code(int(time.time()) // 30)


def query(answer: httpx.Response) -> dict[str, str]:
    """Return the parameters of a redirect."""
    assert answer.status_code == 303, answer.text
    found = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in found.items()}


def ask(browser: httpx.Client, **changed: str) -> httpx.Response:
    """Send the browser to the authorization endpoint."""
    given = {k: v for k, v in {**REQUEST, **changed}.items() if v}
    return browser.get("/authorize", params=given)


def code_of(browser: httpx.Client, **changed: str) -> str:
    """Consent, and return the code."""
    page = ask(browser, **changed)
    if page.status_code == 200:
        page = browser.post("/consent", data=fields(page) | {"answer": "allow"})
    return query(page)["code"]


def json_of(answer: httpx.Response, status: int = 200) -> JsonObject:
    """Return the body of an answer with this status."""
    assert answer.status_code == status, answer.text
    found: JsonObject = answer.json()
    return found
