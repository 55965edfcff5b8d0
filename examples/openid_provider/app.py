"""The application."""

import gc
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from authority_queries import AsyncAuthority, Settings
from authority_queries.contrib.fastapi import add_problem_handlers, provider_routes
from authority_queries.contrib.oauth import ProtocolError
from examples.openid_provider import (
    account,
    addresses,
    devices,
    factors,
    pages,
    passkeys,
    recovery,
    signing_out,
)
from examples.openid_provider.background import working
from examples.openid_provider.browser import FOLDER, browser_of
from examples.openid_provider.issuers import Issuers
from examples.openid_provider.mail import Mail

_CLIENT_ERRORS = 400
_PARTS = (
    pages,
    passkeys,
    recovery,
    devices,
    signing_out,
    account,
    factors,
    addresses,
)


def make_app(
    settings: Settings,
    scheme: str,
    codes: Mapping[str, str],
    secret: bytes | None = None,
    mail: Mail | None = None,
) -> FastAPI:
    """Return the application. The arguments are those of `Issuers`."""
    issuers = Issuers(scheme, codes, secret, mail)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncAuthority.open(settings) as authority:
            await issuers.connect(authority)
            async with working(issuers):
                with _frozen_heap():
                    yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.issuers = issuers
    add_problem_handlers(app)
    app.add_exception_handler(ProtocolError, _show_error)
    app.add_exception_handler(HTTPException, _show_error)
    app.include_router(provider_routes(issuers.of))
    for part in _PARTS:
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    return app


@contextmanager
def _frozen_heap() -> Iterator[None]:
    """Keep the objects of the modules out of garbage collections during the block.

    A collection that visits them all stops every request for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _show_error(request: Request, error: Exception) -> Response:
    """Return a page for an error of a form."""
    if isinstance(error, ProtocolError):
        status, detail = 400, error.description
    elif isinstance(error, HTTPException):
        status, detail = error.status_code, str(error.detail)
        if status < _CLIENT_ERRORS:
            return await http_exception_handler(request, error)
    else:
        raise error
    try:
        return browser_of(request).page("error", status, description=detail)
    except HTTPException as unknown:
        return await http_exception_handler(request, unknown)
