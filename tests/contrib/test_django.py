"""Sign-in, sessions and tokens in views of Django, without a table of users."""

from collections.abc import Iterator

import django
import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import path

from authority_queries.contrib.django import (
    StoreUser,
    sign_in,
    sign_out,
    token_required,
)
from authority_queries.contrib.oauth import Provider
from authority_queries.records import Client, User
from authority_queries.testing import SampleTenant
from tests.contrib.flows import enroll_totp

pytestmark = pytest.mark.one_version

API = "https://api.example"
if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        AUTHENTICATION_BACKENDS=["authority_queries.contrib.django.AuthorityBackend"],
        AUTHORITY_PROVIDER=f"{__name__}.provider_of",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        LOGIN_URL="/sign-in",
        MIDDLEWARE=[
            "django.middleware.csrf.CsrfViewMiddleware",
            "authority_queries.contrib.django.SessionMiddleware",
        ],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only-in-tests",
    )
    django.setup()

providers: list[Provider] = []


def provider_of(_: HttpRequest) -> Provider:
    return providers[-1]


def enter(request: HttpRequest) -> HttpResponse:
    user = authenticate(
        request,
        username=request.POST["username"],
        password=request.POST["password"],
        code=request.POST.get("code"),
    )
    response = HttpResponse(status=204)
    if not sign_in(request, response, user):
        response.status_code = 401
    return response


def leave(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(status=204)
    sign_out(request, response)
    return response


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


@permission_required("users:read", raise_exception=True)
def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse("written")


@token_required("articles.read", resource=API)
def articles(request: HttpRequest, number: int) -> HttpResponse:
    return JsonResponse({"for": request.user.get_username(), "number": number})


urlpatterns = [
    path("sign-in", enter),
    path("sign-out", leave),
    path("home", home),
    path("write", write),
    path("articles/<int:number>", articles),
]


@pytest.fixture(autouse=True)
def _issuer(provider: Provider) -> Iterator[None]:
    providers.append(provider)
    yield
    providers.remove(provider)


@pytest.fixture
def ann(authority_tenant: SampleTenant) -> User:
    return authority_tenant.user("ann", password="swordfish")


def enter_as_ann(browser: Browser, **more: str) -> int:
    form = {"username": "ann", "password": "swordfish", **more}
    return browser.post("/sign-in", form, secure=True).status_code


def test_a_session_of_the_store_is_the_user_of_views(
    ann: User,
) -> None:
    browser = Browser()
    assert browser.get("/home", secure=True).headers["Location"].startswith("/sign-in")
    assert enter_as_ann(browser, password="wrong") == 401
    assert enter_as_ann(browser) == 204
    cookie = browser.cookies["__Host-session"]
    assert (cookie["secure"], cookie["httponly"]) == (True, True)
    assert browser.get("/home", secure=True).content == b"ann"
    first = cookie.value
    assert enter_as_ann(browser) == 204
    assert browser.cookies["__Host-session"].value != first
    second = browser.cookies["__Host-session"].value
    for value, status in ((first, 302), (second, 200)):
        browser.cookies.load({"__Host-session": value})
        assert browser.get("/home", secure=True).status_code == status
    assert browser.post("/sign-out", secure=True).status_code == 204
    assert browser.get("/home", secure=True).status_code == 302


def test_permissions_are_those_of_the_roles(
    ann: User, authority_tenant: SampleTenant
) -> None:
    browser = Browser()
    enter_as_ann(browser)
    assert browser.get("/write", secure=True).status_code == 403
    with authority_tenant.unit() as store:
        role = store.roles.create(
            tenant_id=authority_tenant.id, name="keeper", permissions=["users:read"]
        )
        store.user_roles.assign(
            tenant_id=authority_tenant.id, user_id=ann.id, role_id=role.id
        )
    assert browser.get("/write", secure=True).status_code == 200
    user = StoreUser(providers[-1], ann.id, "ann")
    assert user.has_module_perms("users")
    assert not user.has_module_perms("clients")


def test_a_second_factor_is_required(
    ann: User, authority_tenant: SampleTenant, provider: Provider
) -> None:
    code = enroll_totp(provider, authority_tenant, ann)
    browser = Browser()
    assert enter_as_ann(browser) == 401
    assert enter_as_ann(browser, code="000000") == 401
    assert enter_as_ann(browser, code=code) == 204


def test_too_many_attempts_ask_no_other_backend(ann: User) -> None:
    request = RequestFactory().post("/sign-in", REMOTE_ADDR="192.0.2.9")
    for _ in range(12):
        assert authenticate(request, username="ann", password="wrong") is None
    assert authenticate(request, username="ann", password="swordfish") is None


def test_a_token_with_scope_and_resource_opens_a_view(
    ann: User, app: Client, authority_tenant: SampleTenant
) -> None:
    browser = Browser(enforce_csrf_checks=True)

    def ask(*scopes: str, resource: str = API) -> HttpResponse:
        token = authority_tenant.access_token(
            app, ann, scopes=scopes, resources=[resource]
        )
        answer = browser.post(
            "/articles/7", secure=True, headers={"Authorization": f"Bearer {token}"}
        )
        assert isinstance(answer, HttpResponse)
        return answer

    assert ask("articles.read").content == b'{"for": "ann", "number": 7}'
    narrow, foreign = ask("other"), ask("articles.read", resource="https://b.example")
    assert (narrow.status_code, foreign.status_code) == (403, 401)
    assert 'error="insufficient_scope"' in narrow.headers["WWW-Authenticate"]
    assert browser.post("/articles/7", secure=True).status_code == 401
    # A token is no session.
    header = {"Authorization": "Bearer " + authority_tenant.access_token(app, ann)}
    assert browser.get("/home", secure=True, headers=header).status_code == 302
