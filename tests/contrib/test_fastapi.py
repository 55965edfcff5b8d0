"""An API and an issuer on FastAPI, asked over HTTP."""

from collections.abc import Iterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from authority_queries import Settings
from authority_queries.contrib.fastapi import ResourceServer
from authority_queries.errors import ConfigurationError, InvalidArgumentError
from authority_queries.records import User, VerifiedToken
from authority_queries.testing import SampleTenant
from tests.contrib.serving import free_port, serving

pytestmark = pytest.mark.one_version

API = "https://api.example"


@pytest.fixture(scope="module")
def api(authority_settings: Settings) -> Iterator[httpx.Client]:
    server = ResourceServer(origin=API, resource=API, settings=authority_settings)
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


def test_an_api_names_its_issuers(authority_settings: Settings) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    server = ResourceServer(
        origin=origin,
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
