"""The OAuth client of the MCP Python SDK, which knows only the URL of an API."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError, OAuthTokenError
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
)
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from authority_queries.contrib.oauth import Fetched
from tests.contrib.clients.cases import case
from tests.contrib.clients.drivers import Mcp, query_of
from tests.contrib.clients.stage import CALLBACK, Stage

_PATIENCE = 60
_FLOW = "API first (MCP)"
_DOCUMENT = "https://client.example/mcp.json"


class _Storage:
    """What the SDK keeps of one client."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class _Sdk:
    """The SDK's client and its person's browser."""

    def __init__(self, stage: Stage, **more: Any) -> None:
        self.stage = stage
        self.storage = _Storage()
        self.returned: dict[str, str] = {}
        self.found: list[str] = []
        self.changed: dict[str, str] = {}
        stage.issuers.trusted[:] = [stage.issuer]
        metadata = OAuthClientMetadata(
            client_name="Notes", redirect_uris=[AnyUrl(CALLBACK)], **more.pop("of", {})
        )
        self.provider = OAuthClientProvider(
            stage.api, metadata, self.storage, self._visit, self._answer, **more
        )

    async def _visit(self, url: str) -> None:
        self.returned = query_of(self.stage.visit(url)) | self.changed

    async def _answer(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=self.returned.get("code", ""),
            state=self.returned.get("state"),
            iss=self.returned.get("iss"),
        )

    async def call(self) -> str:
        """Return whom the API answered, or the error that the SDK raises."""
        return await _called(self.stage, self.provider, self.found)


async def _called(
    stage: Stage, provider: OAuthClientProvider, found: list[str] | None = None
) -> str:
    """Call the API. Add the well-known paths that the SDK asked, with the answers."""

    async def note(response: httpx2.Response) -> None:
        path = response.url.path
        if found is not None and path.startswith("/.well-known/"):
            found.append(f"{response.status_code} {path.removeprefix('/.well-known/')}")

    async with _client(provider) as client:
        client.event_hooks = {"response": [note]}
        try:
            response = await client.get(stage.api)
        except (OAuthFlowError, OAuthTokenError) as error:
            return type(error).__name__
    if response.status_code != 200:
        return str(response.status_code)
    return "ok" if response.json()["for"] in {stage.ann.username, None} else "other"


async def _until_refused(sdk: _Sdk) -> None:
    """Wait until the API's cached verifier has read the feed."""
    assert sdk.storage.tokens is not None
    headers = {"authorization": f"Bearer {sdk.storage.tokens.access_token}"}
    browser, end = sdk.stage.issuers.browser, time.monotonic() + _PATIENCE
    while browser.get(sdk.stage.api, headers=headers).is_success:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


@asynccontextmanager
async def _client(provider: OAuthClientProvider) -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        auth=provider, trust_env=False, verify=False, timeout=60
    ) as client:
        yield client


def _mcp(
    name: str, expected: str, *, is_alone: bool = False
) -> Callable[[Callable[[Stage], str]], Callable[[Stage], str]]:
    return case(_FLOW, name, expected, by=Mcp, is_alone=is_alone)


@_mcp("discovers, registers, code with a resource", "ok")
def _(stage: Stage) -> str:
    sdk = _Sdk(stage)
    answer = asyncio.run(sdk.call())
    assert sdk.storage.client is not None
    assert sdk.storage.client.issuer == stage.issuer
    return answer


@_mcp(
    "metadata of an issuer and of an API with paths",
    "200 oauth-protected-resource/api, 200 oauth-authorization-server/(tenant)",
)
def _(stage: Stage) -> str:
    sdk = _Sdk(stage)
    assert asyncio.run(sdk.call()) == "ok"
    return ", ".join(sdk.found).replace(stage.tenant.code, "(tenant)")


@_mcp("client_id is the URL of a metadata document", "ok")
def _(stage: Stage) -> str:
    stage.issuers.documents[_DOCUMENT] = Fetched(
        document={"client_id": _DOCUMENT, "redirect_uris": [CALLBACK]},
        max_age=timedelta(hours=1),
    )
    sdk = _Sdk(stage, client_metadata_url=_DOCUMENT)
    answer = asyncio.run(sdk.call())
    assert sdk.storage.client is not None
    assert sdk.storage.client.client_id == _DOCUMENT
    return answer


@_mcp("access token expired: refreshes", "ok, ok, another token")
def _(stage: Stage) -> str:
    sdk = _Sdk(stage)

    async def run() -> str:
        before = await sdk.call()
        first = sdk.storage.tokens
        sdk.provider.context.token_expiry_time = 1.0
        sdk.returned.clear()
        after = await sdk.call()
        assert not sdk.returned  # no browser
        renewed = "another token" if sdk.storage.tokens != first else "the same"
        return f"{before}, {after}, {renewed}"

    return asyncio.run(run())


@_mcp("sign-out everywhere: signs in again", "ok, ok")
def _(stage: Stage) -> str:
    sdk = _Sdk(stage)

    async def run() -> str:
        before = await sdk.call()
        with stage.tenant.unit(autocommit=True) as store:
            store.users.revoke_tokens(tenant_id=stage.tenant.id, user_id=stage.ann.id)
        sdk.provider.context.token_expiry_time = 1.0
        del stage.cookie
        return f"{before}, {await sdk.call()}"

    return asyncio.run(run())


@_mcp("answer of another issuer (mix-up)", "OAuthFlowError")
def _(stage: Stage) -> str:
    sdk = _Sdk(stage)
    sdk.changed = {"iss": stage.abroad.issuer}
    return asyncio.run(sdk.call())


@_mcp("state of another browser", "OAuthFlowError")
def _(stage: Stage) -> str:
    sdk = _Sdk(stage)
    sdk.changed = {"state": "forged"}
    return asyncio.run(sdk.call())


@_mcp("code of another tenant", "OAuthTokenError")
def _(stage: Stage) -> str:
    other = stage.abroad.driver()
    stolen = query_of(stage.abroad.visit(other.begin()))
    sdk = _Sdk(stage)
    sdk.changed = {"code": stolen["code"]}
    return asyncio.run(sdk.call())


@_mcp("tenant suspended, and resumed", "ok, OAuthFlowError, ok", is_alone=True)
def _(stage: Stage) -> str:
    sdk = _Sdk(stage)

    async def run() -> str:
        before = await sdk.call()
        stage.suspend()
        await _until_refused(sdk)
        during = await sdk.call()
        stage.resume()
        return f"{before}, {during}, {await sdk.call()}"

    return asyncio.run(run())


@_mcp("client credentials", "ok")
def _(stage: Stage) -> str:
    stage.issuers.trusted[:] = [stage.issuer]
    provider = ClientCredentialsOAuthProvider(
        stage.api,
        _Storage(),
        client_id="basic",
        client_secret=stage.issuers.secrets[stage.tenant.code],
        scope="articles",
        issuer=stage.issuer,
    )
    return asyncio.run(_called(stage, provider))
