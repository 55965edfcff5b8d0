"""The server of docs/authlib.md on Django, with a client over HTTP."""

import re
import threading
from collections.abc import Iterator
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from authlib.integrations.django_oauth2 import ResourceProtector, token_revoked
from authlib.integrations.requests_client import OAuth2Session
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.test import Client as Browser
from django.test.utils import override_settings
from django.urls import clear_url_caches, path

import tests.contrib.test_django  # noqa: F401 -- configures Django, once a process
from authority_queries import Authority
from authority_queries.contrib.authlib import BearerTokenValidator
from authority_queries.contrib.oauth import Provider
from authority_queries.records import Client, User
from authority_queries.testing import SampleTenant
from tests.contrib.flows import CALLBACK, CHALLENGE, VERIFIER
from tests.contrib.test_authlib import DJANGO, TEMPLATE

pytestmark = pytest.mark.one_version

FORM: Final = (
    TEMPLATE.replace("| join(", "|join:")
    .replace(") }}", " }}")
    .replace('<form method="post">', '<form method="post">{% csrf_token %}')
)
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
QUERY: Final = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": CALLBACK,
    "scope": "openid profile",
    "state": "xyz",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
require_oauth = ResourceProtector()
urlpatterns: list[Any] = []


@require_oauth("profile")  # type: ignore[untyped-decorator]  # of types-Authlib
def articles(request: HttpRequest) -> JsonResponse:
    token: Any = request.oauth_token  # type: ignore[attr-defined]  # of Authlib
    return JsonResponse({"for": token.user.record.username})


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def _project() -> Iterator[None]:
    pages = [("django.template.loaders.locmem.Loader", {"authorize.html": FORM})]
    engine = "django.template.backends.django.DjangoTemplates"
    with override_settings(
        ALLOWED_HOSTS=["testserver", "127.0.0.1"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        TEMPLATES=[{"BACKEND": engine, "OPTIONS": {"loaders": pages}}],
    ):
        yield


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the project over HTTP."""
    application: Any = get_wsgi_application()
    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _urls(provider: Provider, authority: Authority) -> None:
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(DJANGO, "docs/authlib.md", "exec"), names)  # noqa: S102 -- our own page
    urlpatterns[:] = [*names["create_urls"](provider), path("articles", articles)]
    clear_url_caches()
    require_oauth.register_token_validator(BearerTokenValidator(authority))


@pytest.fixture
def ann(authority_tenant: SampleTenant) -> User:
    return authority_tenant.user("ann", password="swordfish", display_name="Ann")


def code_for(browser: Browser) -> str:
    """Sign in and consent on the page. Return the URL that the client receives."""

    def show(form: dict[str, str] | None = None) -> Any:
        address = f"/authorize?{'&'.join(f'{k}={v}' for k, v in QUERY.items())}"
        if form is None:
            return browser.get(address, secure=True)
        return browser.post(
            address, form, secure=True, headers={"Referer": "https://testserver/"}
        )

    text = show().content.decode()
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', text))
    assert show({"username": "ann"}).status_code == 403  # without the token
    assert (
        "Password"
        in show({**hidden, "username": "ann", "password": "x"}).content.decode()
    )
    asked = show({**hidden, "username": "ann", "password": "swordfish"})
    assert "Allow" in asked.content.decode()
    answer = show({**hidden, "answer": "yes"})
    assert answer.status_code == 302, answer.content
    assert answer["Location"].startswith(CALLBACK)
    return str(answer["Location"])


def test_a_client_over_http_redeems_refreshes_and_revokes(
    url: str, app: Client, ann: User
) -> None:
    arrived = code_for(Browser(enforce_csrf_checks=True))
    revoked: list[object] = []
    token_revoked.connect(lambda token, **_: revoked.append(token), weak=False)
    client = OAuth2Session(
        "app", redirect_uri=CALLBACK, state="xyz", token_endpoint_auth_method="none"
    )
    first = client.fetch_token(
        f"{url}/token", authorization_response=arrived, code_verifier=VERIFIER
    )
    assert first["id_token"].count(".") == 2
    assert client.get(f"{url}/articles").json() == {"for": "ann"}
    assert client.get(f"{url}/userinfo").json()["name"] == "Ann"
    second = client.refresh_token(f"{url}/token")
    assert second["access_token"] != first["access_token"]
    assert client.get(f"{url}/articles").status_code == 200
    revoke: Any = client.revoke_token
    assert revoke(f"{url}/revoke", token=second["refresh_token"]).status_code == 200
    refused = client.get(f"{url}/articles")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    assert len(revoked) == 1
    again = client.post(
        f"{url}/token", data={"grant_type": "authorization_code", "client_id": "app"}
    )
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")


def test_a_confidential_client_and_a_device(
    url: str, authority_tenant: SampleTenant, provider: Provider, ann: User, app: Client
) -> None:
    authority_tenant.client("job", secret="s3cret", grant_types=["client_credentials"])
    job = OAuth2Session("job", "s3cret")
    token = job.fetch_token(f"{url}/token", grant_type="client_credentials")
    found = job.introspect_token(f"{url}/introspect", token=token["access_token"])
    assert (found.json()["active"], found.json()["client_id"]) == (True, "job")
    narrow = job.get(f"{url}/articles")
    assert (narrow.status_code, narrow.json()["error"]) == (403, "insufficient_scope")

    def ask(path: str, **form: str) -> Any:
        return Browser().post(path, form, secure=True)

    asked = ask("/device_authorization", client_id="app").json()
    polling = {
        "grant_type": DEVICE,
        "device_code": asked["device_code"],
        "client_id": "app",
    }
    assert ask("/token", **polling).json()["error"] == "authorization_pending"
    cookie, _ = authority_tenant.session(ann)
    assert provider.device_pages.approve(asked["user_code"], cookie) == "approved"
    assert ask("/token", **polling).json()["access_token"]
    keys = Browser().get("/.well-known/openid-configuration", secure=True).json()
    assert keys["issuer"] == provider.settings.issuer
    wrong = ask("/token", grant_type="password")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "unsupported_grant_type")
