"""An API and an issuer on FastAPI, asked over HTTP."""

from collections.abc import Iterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from joserfc.jwk import ECKey

from authority_queries import Settings
from authority_queries.contrib.fastapi import ResourceServer
from authority_queries.errors import ConfigurationError, InvalidArgumentError
from authority_queries.records import User, VerifiedToken
from authority_queries.testing import SampleTenant
from tests.contrib.flows import ath, proof
from tests.contrib.serving import free_port, serving

pytestmark = pytest.mark.one_version

API = "https://api.example"


@pytest.fixture(scope="module")
def api(authority_settings: Settings) -> Iterator[httpx.Client]:
    server = ResourceServer(resource=API, settings=authority_settings)
    app = FastAPI(lifespan=server.lifespan)

    @app.get("/articles")
    async def articles(
        token: Annotated[VerifiedToken, Depends(server.token("articles"))],
    ) -> dict[str, str | None]:
        return {"for": token.username}

    @app.get("/secrets")
    async def secrets(
        token: Annotated[VerifiedToken, Depends(server.token(acr_values=["urn:high"]))],
    ) -> None:
        async with server.unit(token) as store:
            assert await store.users.list(tenant_id=token.tenant_id)

    with (
        serving(app, free_port()) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_with_the_scope_and_the_resource_opens_the_api(
    api: httpx.Client, authority_tenant: SampleTenant
) -> None:
    ann = authority_tenant.user("ann")
    client = authority_tenant.client()

    def token(user: User | None, *scopes: str, resource: str = API) -> str:
        return authority_tenant.access_token(
            client, user, scopes=scopes, resources=[resource]
        )

    answer = api.get("/articles", headers=bearer(token(ann, "articles")))
    assert (answer.status_code, answer.json()) == (200, {"for": "ann"})
    for string, status, error in (
        (token(ann), 403, "insufficient_scope"),
        (
            token(ann, "articles", resource="https://other.example"),
            401,
            "invalid_token",
        ),
        ("nonsense", 401, "invalid_token"),
    ):
        answer = api.get("/articles", headers=bearer(string))
        assert answer.status_code == status
        assert f'error="{error}"' in answer.headers["www-authenticate"]
    missing = api.get("/articles").headers["www-authenticate"]
    assert missing == 'Bearer scope="articles"'
    unbound = {"authorization": f"DPoP {token(ann, 'articles')}"}
    for headers, status, challenge in (
        (unbound, 401, 'DPoP error="invalid_token"'),
        (unbound | {"dpop": "x.y.z"}, 401, 'DPoP error="invalid_dpop_proof"'),
        ([("authorization", "Bearer x")] * 2, 400, 'Bearer error="invalid_request"'),
    ):
        answer = api.get("/articles", headers=headers)
        assert answer.status_code == status
        assert answer.headers["www-authenticate"].startswith(challenge)
    weak = api.get("/secrets", headers=bearer(token(ann)))
    assert 'acr_values="urn:high"' in weak.headers["www-authenticate"]
    assert weak.status_code == 401


def test_a_bound_token_is_refused_with_a_challenge_for_a_proof(
    api: httpx.Client, authority_tenant: SampleTenant
) -> None:
    key = ECKey.generate_key("P-256")
    token = authority_tenant.access_token(
        authority_tenant.client(),
        authority_tenant.user(),
        scopes=["articles"],
        resources=[API],
        cnf_jkt=key.thumbprint(),
    )

    def ask(scheme: str, *headers: tuple[str, str]) -> tuple[int, str, str]:
        given = [("authorization", f"{scheme} {token}"), *headers]
        answer = api.get("/articles", headers=given)
        challenge = answer.headers.get("www-authenticate", " ")
        given, members = challenge.split(" ", 1)
        return (
            answer.status_code,
            given,
            members.partition('error="')[2].partition('"')[0],
        )

    right = proof(key, "GET", f"{API}/articles", ath=ath(token))
    assert ask("DPoP", right) == (200, "", "")
    assert ask("DPoP", right) == (401, "DPoP", "invalid_dpop_proof")
    assert ask("DPoP") == (401, "DPoP", "invalid_token")
    assert ask("Bearer") == (401, "DPoP", "invalid_token")


def test_an_api_refuses_wrong_settings_and_names_a_forgotten_lifespan() -> None:
    for origin, resource, argument in (
        ("api.example", None, "origin"),
        ("https://api.example/", None, "origin"),
        (API, "articles", "resource"),
        (API, f"{API}/#1", "resource"),
    ):
        with pytest.raises(InvalidArgumentError) as raised:
            ResourceServer(origin=origin, resource=resource)
        assert raised.value.argument == argument
    with pytest.raises(ConfigurationError, match=r"lifespan=server\.lifespan"):
        _ = ResourceServer(origin=API).authority


def test_an_api_names_its_issuers(authority_settings: Settings) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    server = ResourceServer(
        resource=f"{origin}/v1",
        settings=authority_settings,
        issuers=["https://auth.example"],
        scopes=["articles"],
    )
    app = FastAPI(lifespan=server.lifespan)
    app.include_router(server.metadata_routes())

    @app.get("/v1/articles")
    async def articles(_: Annotated[VerifiedToken, Depends(server.token())]) -> None:
        return None

    with serving(app, port), httpx.Client(base_url=origin, trust_env=False) as client:
        challenge = client.get("/v1/articles").headers["www-authenticate"]
        url = challenge.partition('resource_metadata="')[2].partition('"')[0]
        assert url == f"{origin}/.well-known/oauth-protected-resource/v1"
        document = client.get(url).json()
    assert document["resource"] == f"{origin}/v1"
    assert document["authorization_servers"] == ["https://auth.example"]
    assert document["scopes_supported"] == ["articles"]
    with pytest.raises(ConfigurationError):
        ResourceServer(origin=origin).metadata_routes()
    with pytest.raises(InvalidArgumentError, match="issuers must be"):
        ResourceServer(origin=origin, issuers="https://auth.example")
    with pytest.raises(InvalidArgumentError, match="acr_values must be"):
        server.token(acr_values="urn:high")


@pytest.mark.parametrize("resource", [None, "urn:example:articles"])
def test_an_api_without_a_url_names_its_origin(resource: str | None) -> None:
    with pytest.raises(InvalidArgumentError, match="origin must be set"):
        ResourceServer(resource=resource)


def test_an_api_that_has_not_connected_names_the_lifespan() -> None:
    server = ResourceServer(resource=API)
    inner, outer = FastAPI(lifespan=server.lifespan), FastAPI()
    outer.mount("/v1", inner)

    @inner.get("/articles")
    async def articles(_: Annotated[VerifiedToken, Depends(server.token())]) -> None:
        return None

    with (
        TestClient(outer) as client,
        pytest.raises(ConfigurationError, match="lifespan"),
    ):
        client.get("/v1/articles", headers=bearer("x"))
