"""The examples and a client's pages, each on a port of its own, and a browser."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from authority_queries import Authority, hash_password
from examples.__main__ import make_apps
from examples.notes.sessions import Sessions
from examples.openid_provider.mail import Outbox
from examples.openid_provider.sample import TENANTS
from tests.conftest import Databases
from tests.contrib.serving import free_port, own_authority, serving
from tests.contrib.spa import add_spa

FOLDER: Final = Path(__file__).parent
CLIENT: Final = (
    FOLDER.parent / "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"
)
CHROMIUM: Final = shutil.which("chromium")
IMAGES: Final = FOLDER.parents[1] / "docs/images"
PASSWORD: Final = "a password of the tests"
# Without these it looks for updates, on a network that tests may not have.
_FLAGS: Final = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_hash: Final = hash_password(PASSWORD)
_numbers: Final = count(1)


@dataclass
class Sites:
    """The two tenants of the example, and the origins of their clients.

    `app` is the client whose pages run scripts, and `notes` that of the example.
    """

    authority: Authority
    port: int
    notes_port: int
    app: str
    sessions: Sessions
    outbox: Outbox
    requests: list[str] = field(default_factory=list)

    @property
    def north(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def south(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def notes(self) -> str:
        return f"http://127.0.0.1:{self.notes_port}"

    @property
    def south_notes(self) -> str:
        return f"http://localhost:{self.notes_port}"

    def user(self, code: str = "north", display_name: str = "Cat Carter") -> str:
        """Create a user, and return the username."""
        username, tenant_id = f"cat-{next(_numbers)}", self._tenant(code)
        with self.authority.tenant(tenant_id) as store:
            store.users.create(
                tenant_id=tenant_id,
                username=username,
                display_name=display_name,
                email=f"{username}@mail.example",
                password_hash=_hash,
            )
        return username

    def add_spa(self, code: str) -> None:
        """Create the client whose pages run scripts."""
        tenant_id = self._tenant(code)
        with self.authority.tenant(tenant_id) as store:
            add_spa(store, tenant_id, self.app)

    def link_to(self, page: str, username: str) -> str:
        """Return the link to a page that was mailed to a user."""
        wanted = re.compile(rf"http\S+/{page}\?token=\S+")
        end = time.monotonic() + 15
        while time.monotonic() < end:
            for mail in self.outbox.mails:
                found = wanted.search(str(mail.get_content()))
                if found and mail["To"] == f"{username}@mail.example":
                    return found[0]
            time.sleep(0.05)
        raise AssertionError(page)

    def guess(self, username: str, times: int) -> None:
        """Reserve checks of a password from here, which nobody passes."""
        tenant_id = self._tenant("north")
        with self.authority.tenant(tenant_id, autocommit=True) as store:
            for _ in range(times):
                assert store.login_attempts.reserve(
                    tenant_id=tenant_id,
                    username=username,
                    address=ip_address("127.0.0.1"),
                    factor="password",
                ).allowed

    def _tenant(self, code: str) -> UUID:
        tenant_id = self.authority.find_tenant(code)
        assert tenant_id is not None
        return tenant_id


@pytest.fixture(scope="module")
def sites(all_databases: Databases, template: str) -> Iterator[Sites]:
    port, notes_port, app_port = free_port(), free_port(), free_port()
    with own_authority(all_databases, template) as (authority, settings):
        outbox = Outbox()
        issuer, notes = make_apps(settings, port, notes_port, mail=outbox)
        sessions = notes.state.sessions
        app = f"http://127.0.0.1:{app_port}"
        found = Sites(authority, port, notes_port, app, sessions, outbox)
        for code in TENANTS:
            found.add_spa(code)
        with (
            serving(issuer, port),
            serving(notes, notes_port),
            serving(_client(found.requests), app_port),
        ):
            yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 720, "height": 560})
    context.set_default_timeout(30_000)  # a busy machine
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def client_page(sites: Sites, page: Page) -> Page:
    """A page of the client, whose `manager` signs in at the tenant north."""
    if not CLIENT.exists():
        pytest.skip("not run: npm ci --prefix tests brings oidc-client-ts")
    page.goto(f"{sites.app}/?issuer={sites.north}")
    return page


@pytest.fixture(scope="session")
def shot(pytestconfig: pytest.Config) -> Callable[[Page, str], None]:
    """Writes a picture into docs/images, if the run has --screenshots."""
    is_on = pytestconfig.getoption("--screenshots")

    def write(page: Page, name: str) -> None:
        if is_on:
            page.screenshot(path=IMAGES / f"{name}.png", full_page=True)

    return write


def _client(requests: list[str]) -> Starlette:
    async def script(_: Request) -> Response:
        return FileResponse(CLIENT)

    async def frame(request: Request) -> Response:
        requests.append(str(request.url))
        return FileResponse(FOLDER / "app/frame.html")

    return Starlette(
        routes=[
            Route("/oidc-client-ts.js", script),
            Route("/frame.html", frame),
            Mount("/", StaticFiles(directory=FOLDER / "app", html=True)),
        ]
    )
