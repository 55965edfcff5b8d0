"""The application."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from authority_queries import AsyncAuthority, Settings
from authority_queries.contrib.fastapi import add_problem_handlers, provider_routes
from examples.openid_provider.account import router as account_router
from examples.openid_provider.browser import FOLDER
from examples.openid_provider.issuers import Issuers
from examples.openid_provider.pages import router as page_router


def make_app(settings: Settings, scheme: str, codes: Mapping[str, str]) -> FastAPI:
    """Return the application. `codes` has the code of the tenant of each host."""
    issuers = Issuers(scheme, codes)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncAuthority.open(settings) as authority:
            await issuers.connect(authority)
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.issuers = issuers
    add_problem_handlers(app)
    app.include_router(provider_routes(issuers.of))
    app.include_router(page_router)
    app.include_router(account_router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    return app
