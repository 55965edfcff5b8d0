"""The endpoints of issuers as routes."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from authority_queries.contrib.fastapi.requests import read_request, respond
from authority_queries.contrib.oauth import (
    Answer,
    AsyncProvider,
    Endpoints,
    ProtocolError,
)
from authority_queries.contrib.oauth import Request as OAuthRequest

# Returns the issuer that a request is for, for example by its host.
ProviderOf: TypeAlias = Callable[[Request], Awaitable[AsyncProvider]]
_Route: TypeAlias = Callable[[Request], Awaitable[Response]]
_Endpoint: TypeAlias = Callable[[AsyncProvider, OAuthRequest], Awaitable[Answer]]
# These endpoints read no cookie, so pages of any origin may call them.
_ANY_ORIGIN = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "www-authenticate",
}
_PREFLIGHT = {
    **_ANY_ORIGIN,
    "access-control-allow-headers": "authorization, content-type, dpop",
    "access-control-max-age": "3600",
}
# OpenID Connect Discovery section 4, and RFC 8414 section 3.
_WELL_KNOWN = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)


def provider_routes(
    provider_of: ProviderOf,
    *,
    prefix: str = "",
    endpoints: Endpoints | None = None,
    certificate_header: str | None = None,
) -> APIRouter:
    """Return the routes for all endpoints that need no page.

    Write the pages for authorization, devices and the end of a session yourself, with
    `provider.authorization`, `provider.device_pages` and `provider.logout`. Pages of
    any origin may call all endpoints except introspection.

    - `provider_of`: returns the issuer of a request, for example by its host.
    - `prefix`: the path of issuers that have one, as a path of FastAPI: `/{tenant}`.
      Include the router itself without a prefix, because the metadata of such an issuer
      are also outside its path.
    - `certificate_header`: the header in which the proxy passes the client's TLS
      certificate. The proxy must remove it from clients' own requests.
    """
    paths = endpoints or Endpoints()
    router = APIRouter()

    def add(path: str, methods: list[str], endpoint: _Endpoint) -> None:
        async def answer(request: Request) -> Response:
            provider = await provider_of(request)
            return await _answered(provider, endpoint, request, certificate_header)

        route: _Route = answer
        if path != prefix + paths.introspection:
            route, methods = _of_any_origin(answer, methods)
        router.add_api_route(path, route, methods=methods, include_in_schema=False)

    add(prefix + paths.token, ["POST"], lambda p, r: p.token.answer(r))
    add(prefix + paths.introspection, ["POST"], lambda p, r: p.introspection.answer(r))
    add(prefix + paths.revocation, ["POST"], lambda p, r: p.revocation.answer(r))
    add(prefix + paths.userinfo, ["GET", "POST"], lambda p, r: p.userinfo.answer(r))
    add(
        prefix + paths.pushed_authorization_request,
        ["POST"],
        lambda p, r: p.pushed_requests.answer(r),
    )
    add(prefix + paths.device_authorization, ["POST"], lambda p, r: p.devices.answer(r))
    add(prefix + paths.registration, ["POST"], lambda p, r: p.registration.answer(r))
    add(
        f"{prefix}{paths.registration}/{{client_id}}",
        ["GET", "PUT", "DELETE"],
        lambda p, r: p.registration.answer(r),
    )
    add(prefix + paths.jwks, ["GET", "HEAD"], lambda p, _: p.jwks())
    for path in _metadata_paths(prefix):
        add(path, ["GET", "HEAD"], lambda p, _: p.metadata())
    return router


def _metadata_paths(prefix: str) -> list[str]:
    """Return the paths at which clients look for the metadata of an issuer.

    RFC 8414 puts the well-known name before the issuer's path, OpenID Connect Discovery
    after it. Some clients put the other name there (RFC 8414 section 5).
    """
    before = [name + prefix for name in _WELL_KNOWN]
    return before + [prefix + name for name in _WELL_KNOWN if prefix]


async def _answered(
    provider: AsyncProvider,
    endpoint: _Endpoint,
    request: Request,
    certificate_header: str | None,
) -> Response:
    issuer = provider.settings.issuer
    try:
        read = await read_request(request, issuer, certificate_header)
    except ProtocolError as error:
        return respond(error.answer())
    return respond(await endpoint(provider, read))


def _of_any_origin(answer: _Route, methods: list[str]) -> tuple[_Route, list[str]]:
    """Let pages of any origin send these requests, and read the answers."""
    preflight = _PREFLIGHT | {"access-control-allow-methods": ", ".join(methods)}

    async def route(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=preflight)
        response = await answer(request)
        response.headers.update(_ANY_ORIGIN)
        return response

    return route, [*methods, "OPTIONS"]
