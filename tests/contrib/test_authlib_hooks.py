"""An application that has grants and hooks of Authlib, on models of the store."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin, TokenMixin
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import UserInfo
from flask import Flask, request
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from authority_queries import mint_token
from authority_queries.contrib.authlib import (
    AuthorizationCodeGrant,
    BearerTokenValidator,
    Client,
    DeviceAuthorizationEndpoint,
    IntrospectionEndpoint,
    Issuer,
    OpenIDCode,
    RevocationEndpoint,
    StoredCodes,
    StoredDevices,
    StoredRefreshTokens,
    StoredToken,
    User,
    register,
)
from authority_queries.contrib.oauth import Provider
from authority_queries.errors import ConfigurationError
from authority_queries.records import Client as ClientRecord
from authority_queries.records import User as UserRecord
from authority_queries.testing import SampleTenant
from tests.contrib.flows import CALLBACK, CHALLENGE, ISSUER, VERIFIER, basic
from tests.contrib.test_authlib import CHANGE, client_of, error, query_of
from tests.contrib.test_authlib import tokens as texts

pytestmark = pytest.mark.one_version

APP: Final = {"client_id": "app"}
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"


class CodeGrant(StoredCodes):
    def authenticate_user(self, authorization_code: StoredToken) -> User | None:
        seen.append("authenticate_user")
        return super().authenticate_user(authorization_code)


class RefreshGrant(StoredRefreshTokens):
    def revoke_old_credential(self, refresh_token: TokenMixin) -> None:
        seen.append("revoke_old_credential")


class KeepingGrant(StoredRefreshTokens):
    INCLUDE_NEW_REFRESH_TOKEN = False


class PartnerGrant(BaseGrant, TokenEndpointMixin):
    """A grant of the application's own."""

    GRANT_TYPE = "urn:example:partner"
    TOKEN_ENDPOINT_AUTH_METHODS: Collection[str] = ("client_secret_basic", "none")

    def validate_token_request(self) -> None:
        self.request.client = self.authenticate_token_endpoint_client()

    def create_token_response(self) -> Any:
        token = self.generate_token(scope="profile")
        self.save_token(token)  # type: ignore[no-untyped-call]  # of types-Authlib
        return 200, token, self.TOKEN_RESPONSE_HEADER


class OwnClient(Client):
    def get_allowed_scope(self, scope: Collection[str] | str | None) -> str:
        return " ".join(each for each in str(scope or "").split() if each != "email")


class OwnUser(User):
    @property
    def greeting(self) -> str:
        return f"Hello {self.record.display_name}"


class HeaderGrant(PartnerGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("header",)


class Identity(OpenIDCode):
    def generate_user_info(self, user: User, scope: str) -> UserInfo:
        return UserInfo(sub=user.get_user_id(), name=user.record.display_name)


seen: list[str] = []
adopted: list[Any] = []


@pytest.fixture
def issuer(provider: Provider, app: ClientRecord) -> Issuer:
    seen.clear()
    return Issuer(provider)


@pytest.fixture
def serve(issuer: Issuer, ann: UserRecord) -> Callable[..., FlaskClient]:
    def served(*refreshing: Any, **config: object) -> FlaskClient:
        flask = Flask(__name__)
        flask.config.update(OAUTH2_REFRESH_TOKEN_GENERATOR=True, **config)
        server: Any = AuthorizationServer(flask, issuer.query_client, issuer.save_token)
        issuer.adopt(server)
        adopted.append(server)
        extensions = [CodeChallenge(required=True), Identity(issuer)]
        server.register_grant(issuer.bind(CodeGrant), extensions)
        for grant in (*(refreshing or [RefreshGrant]), StoredDevices, PartnerGrant):
            server.register_grant(issuer.bind(grant))
        for endpoint in (
            DeviceAuthorizationEndpoint,
            IntrospectionEndpoint,
            RevocationEndpoint,
        ):
            server.register_endpoint(issuer.bind(endpoint))
        flask.post("/token")(server.create_token_response)
        flask.post("/<name>")(server.create_endpoint_response)

        @flask.route("/authorize", methods=["GET", "POST"])
        def authorize() -> Any:
            user = User(ann) if request.values.get("user") else None
            try:
                grant = server.get_consent_grant(end_user=user)
            except OAuth2Error as refused:
                return server.handle_error_response(request, refused)
            if request.method == "GET":
                return grant.prompt or "consent"
            return server.create_authorization_response(grant=grant, grant_user=user)

        return client_of(flask)

    return served


def tokens(response: TestResponse) -> dict[str, Any]:
    return dict(texts(response))


def post(browser: FlaskClient, path: str, **form: str) -> TestResponse:
    return browser.post(path, data={**APP, **form}, base_url="https://issuer.example")


def authorize(browser: FlaskClient, **more: str) -> TestResponse:
    query = {
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "nonce": "n-1",
        "state": "xyz",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "user": "ann",
        **more,
    }
    return post(browser, "/authorize", **query)


def redeem(browser: FlaskClient, code: str, **more: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return post(browser, "/token", **{**form, **more})


def refresh(browser: FlaskClient, token: str, **more: str) -> TestResponse:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return post(browser, "/token", **form, **more)


def test_hooks_run_and_the_database_decides(
    serve: Callable[..., FlaskClient], provider: Provider
) -> None:
    browser = serve(OAUTH2_TOKEN_EXPIRES_IN={"authorization_code": 300})
    code = query_of(authorize(browser))["code"]
    wrong = redeem(browser, code, code_verifier="x" * 43)
    assert error(wrong) == "invalid_grant"  # of Authlib's extension
    other = redeem(browser, code, redirect_uri="https://evil.example")
    assert error(other) == "invalid_grant"  # of the database
    first = tokens(redeem(browser, code))
    assert (first["expires_in"], first["scope"]) == (300, "openid profile")
    document: Any = provider.jwks().body
    keys = KeySet.import_key_set(document)
    claims = jwt.decode(first["id_token"], keys, ["ES256"]).claims
    assert (claims["name"], claims["nonce"], claims["aud"]) == ("Ann", "n-1", "app")
    narrowed = tokens(refresh(browser, first["refresh_token"], scope="profile"))
    assert narrowed["scope"] == "profile"
    again = tokens(refresh(browser, first["refresh_token"]))
    assert again["access_token"] == narrowed["access_token"]  # after a lost answer
    assert error(redeem(browser, code)) == "invalid_grant"
    assert error(refresh(browser, narrowed["refresh_token"])) == "invalid_grant"
    assert seen.count("revoke_old_credential") == 2
    assert "authenticate_user" in seen


def test_of_eight_redemptions_at_once_one_succeeds(
    serve: Callable[..., FlaskClient],
) -> None:
    browser = serve()
    code = query_of(authorize(browser))["code"]

    def attempt(_: int) -> int:
        return redeem(client_of(browser.application), code).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(attempt, range(8)))
    assert sorted(statuses) == [200] + [400] * 7


def test_the_page_changes_a_server(
    issuer: Issuer, authority_tenant: SampleTenant
) -> None:
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(CHANGE, "docs/authlib.md", "exec"), names)  # noqa: S102 -- our own page
    flask = Flask(__name__)
    server: Any = AuthorizationServer(flask, issuer.query_client, issuer.save_token)
    names["change"](server, issuer)
    flask.post("/token")(server.create_token_response)
    users = {
        name: authority_tenant.user(name, email=f"{name}@b.example", email_verified=ok)
        for name, ok in (("eve", False), ("bob", True))
    }

    @flask.post("/authorize")
    def authorize_page() -> Any:
        user = User(users[request.form["user"]])
        grant = server.get_consent_grant(end_user=user)
        return server.create_authorization_response(grant=grant, grant_user=user)

    browser = client_of(flask)
    code = query_of(authorize(browser, user="eve"))["code"]
    assert error(redeem(browser, code)) == "invalid_grant"
    first = tokens(redeem(browser, query_of(authorize(browser, user="bob"))["code"]))
    assert first["id_token"]
    assert "refresh_token" not in first  # by the settings of the server


def test_a_code_needs_pkce_a_user_and_a_consent(
    serve: Callable[..., FlaskClient],
) -> None:
    browser = serve()
    assert query_of(authorize(browser, prompt="none"))["error"] == "consent_required"
    assert query_of(authorize(browser))["code"]
    assert query_of(authorize(browser, prompt="none"))["code"]
    plain = query_of(authorize(browser, code_challenge_method="plain"))
    assert plain["error"] == "invalid_request"
    assert query_of(authorize(browser, code_challenge=""))["error"] == "invalid_request"
    assert query_of(authorize(browser, user=""))["error"] == "access_denied"
    assert query_of(authorize(browser, scope="nonsense"))["error"] == "invalid_scope"
    implicit = browser.get("/authorize", query_string={**APP, "response_type": "token"})
    assert query_of(implicit)["error"] == "unsupported_response_type"


def test_a_refresh_token_is_kept_where_the_database_allows_it(
    serve: Callable[..., FlaskClient], authority_tenant: SampleTenant
) -> None:
    browser = serve(KeepingGrant)
    first = tokens(redeem(browser, query_of(authorize(browser))["code"]))
    public = refresh(browser, first["refresh_token"])
    assert (error(public), (public.json or {})["error_description"]) == (
        "invalid_grant",
        "rotation required",
    )
    authority_tenant.client("web", secret="s3cret", redirect_uris=[CALLBACK])
    header = dict([basic("web", "s3cret")])
    code = query_of(authorize(browser, client_id="web"))["code"]

    def ask(**form: str) -> dict[str, str]:
        return tokens(browser.post("/token", data=form, headers=header))

    first = ask(grant_type="authorization_code", code=code, code_verifier=VERIFIER)
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert "refresh_token" not in ask(**again)
    assert ask(**again)["access_token"] != first["access_token"]


def test_a_device_polls_until_it_is_approved(
    serve: Callable[..., FlaskClient],
    provider: Provider,
    authority_tenant: SampleTenant,
    ann: UserRecord,
) -> None:
    browser = serve()

    def poll(code: str) -> TestResponse:
        return post(browser, "/token", grant_type=DEVICE, device_code=code)

    asked = tokens(post(browser, "/device_authorization", scope="openid"))
    code = asked["device_code"]
    assert error(poll("nonsense")) == "invalid_request"
    assert error(poll(code)) == "authorization_pending"
    assert error(poll(code)) == "slow_down"
    cookie, _ = authority_tenant.session(ann)
    assert provider.device_pages.approve(asked["user_code"], cookie) == "approved"
    first = tokens(poll(code))
    assert (first["scope"], first["token_type"]) == ("openid", "Bearer")
    assert tokens(poll(code))["access_token"] == first["access_token"]


def test_a_grant_of_the_application_issues_a_family(
    serve: Callable[..., FlaskClient], authority_tenant: SampleTenant
) -> None:
    browser = serve()
    authority_tenant.client("web", secret="s3cret")
    header = dict([basic("web", "s3cret")])

    def ask(path: str, **form: str) -> TestResponse:
        return browser.post(path, data=form, headers=header)

    first = tokens(ask("/token", grant_type="urn:example:partner"))
    found = tokens(ask("/introspection", token=first["access_token"]))
    assert (found["active"], found["client_id"], found["scope"]) == (
        True,
        "web",
        "profile",
    )
    authority_tenant.client("other", secret="s3cret")
    other = dict([basic("other", "s3cret")])
    theirs = {"token": first["refresh_token"]}
    answer = browser.post("/introspection", data=theirs, headers=other)
    assert tokens(answer) == {"active": False}  # nobody else needs it
    assert tokens(ask("/introspection", **theirs))["active"]
    assert tokens(ask("/revocation", token=first["refresh_token"])) == {}
    assert tokens(ask("/introspection", token=first["access_token"])) == {
        "active": False
    }


def code_of(provider: Provider, ann: UserRecord, *, scopes: list[str]) -> str:
    """Issue a code to the client `app`, without Authlib."""
    code = mint_token("authorization_code", provider.tenant_id)
    tenant_id = provider.tenant_id
    with provider.unit() as store:
        store.consents.grant(
            tenant_id=tenant_id, user_id=ann.id, client_id="app", scopes=scopes
        )
        issuance = store.grants.issue_code(
            tenant_id=tenant_id,
            token_hash=code.hash,
            client_id="app",
            user_id=ann.id,
            authenticated_at=None,
            scopes=scopes,
            redirect_uri=CALLBACK,
            code_challenge=CHALLENGE,
        )
    assert issuance.outcome == "issued"
    return code.token


def test_models_and_methods_of_the_application_are_used(
    provider: Provider, app: ClientRecord, ann: UserRecord
) -> None:
    issuer = Issuer(provider, to_user=OwnUser, to_client=OwnClient)
    flask = Flask(__name__)
    flask.config["OAUTH2_ERROR_URIS"] = [("invalid_client", "https://a.example/help")]
    server: Any = AuthorizationServer(flask, issuer.query_client, issuer.save_token)
    issuer.adopt(server)
    require: Any = ResourceProtector()
    require.register_token_validator(BearerTokenValidator(issuer))
    server.register_grant(issuer.bind(CodeGrant))
    server.register_grant(HeaderGrant)
    flask.post("/token")(server.create_token_response)

    @flask.get("/greeting")
    def greeting() -> str:
        with require.acquire("profile") as token:
            return f"{token.user.greeting}, {token.scope}, {token.get_client().scope}"

    browser = client_of(flask)
    code = code_of(provider, ann, scopes=["profile", "email"])
    token = tokens(redeem(browser, code))
    assert token["scope"] == "profile"
    header = {"Authorization": f"Bearer {token['access_token']}"}
    assert browser.get("/greeting", headers=header).text == "Hello Ann, profile, "

    def by_header(query_client: Callable[[str], Client | None], given: Any) -> Any:
        return query_client(given.headers.get("X-Client", ""))

    server.register_client_auth_method("header", by_header)
    asked = {"grant_type": PartnerGrant.GRANT_TYPE}
    refused = browser.post("/token", data=asked, headers={"X-Client": "app"})
    assert (refused.json or {})["error_uri"] == "https://a.example/help"
    properties = {"token_endpoint_auth_method": "header"}
    with provider.unit() as store:
        store.clients.create(
            tenant_id=provider.tenant_id,
            client_id="by-header",
            client_type="confidential",
            properties=properties,
        )
    allowed = browser.post("/token", data=asked, headers={"X-Client": "by-header"})
    assert tokens(allowed)["access_token"]


def test_what_would_never_be_called_is_refused(issuer: Issuer) -> None:
    class Saves(AuthorizationCodeGrant):
        def save_authorization_code(self, code: str, request: object) -> None: ...

    class Counts(StoredDevices):
        def should_slow_down(self, credential: object) -> bool:
            return False

    class Verifies(DeviceAuthorizationEndpoint):
        def get_verification_uri(self) -> str:
            return "https://issuer.example/device"

    for kind in (Saves, Counts, Verifies):
        with pytest.raises(ConfigurationError, match="is never called"):
            issuer.bind(kind)
    assert issuer.bind(CodeGrant) is not CodeGrant


def test_answers_have_one_iss(
    serve: Callable[..., FlaskClient], issuer: Issuer, ann: UserRecord
) -> None:
    browser = serve()
    for more in ({}, {"user": ""}, {"scope": "nonsense"}, {"code_challenge": ""}):
        assert query_of(authorize(browser, **more))["iss"] == ISSUER
    extension: Any = IssuerParameter()
    extension.get_issuer = lambda: ISSUER
    server: Any = adopted[-1]
    server.register_extension(extension)
    for more in ({}, {"user": ""}):
        assert query_of(authorize(browser, **more))["iss"] == ISSUER  # once


def test_extensions_that_would_answer_twice_are_refused(
    issuer: Issuer, provider: Provider
) -> None:
    flask = Flask(__name__)
    server: Any = AuthorizationServer(flask, issuer.query_client, issuer.save_token)
    request_: Any = object()
    grant = issuer.bind(AuthorizationCodeGrant)(request_, server)
    with pytest.raises(ConfigurationError, match="delete OpenIDCode"):
        OpenIDCode(issuer)(grant)
    server.register_extension(IssuerParameter())
    with pytest.raises(ConfigurationError, match="delete IssuerParameter"):
        grant.validate_authorization_request()


def test_generators_of_the_application_are_refused_or_used(
    issuer: Issuer, serve: Callable[..., FlaskClient], app: ClientRecord
) -> None:
    def generate(client: Client, **_: object) -> str:
        return f"{client.client_id}-" + "x" * 40

    config = {"OAUTH2_ACCESS_TOKEN_GENERATOR": generate}
    with pytest.raises(ConfigurationError, match="access_token_generator must not"):
        serve(**config)
    flask = Flask(__name__)
    server: Any = AuthorizationServer(flask, issuer.query_client, issuer.save_token)
    register(server, issuer)  # with Authlib's own generator
    server.register_token_generator(
        "default", JWTBearerTokenGenerator("https://a.example")
    )
    with pytest.raises(ConfigurationError, match="the generator of default must not"):
        register(server, issuer)
    with pytest.raises(ConfigurationError, match="the generator of default must not"):
        issuer.adopt(server)
    issuer.strings_of_application = True
    browser = serve(**config)
    token = tokens(post(browser, "/token", grant_type="urn:example:partner"))
    assert token["access_token"] == generate(Client(issuer.provider.unit, app))
    found = issuer.find_token(token["access_token"], "access")
    assert found is not None
    issuer.strings_of_application = False
    with pytest.raises(ConfigurationError, match="a string of this store"):
        issuer.generated(token["access_token"], "access")
