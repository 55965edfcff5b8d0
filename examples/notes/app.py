"""The application."""

import secrets
from collections.abc import Mapping

import httpx2
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.sessions import SessionMiddleware

from authority_queries import Settings
from authority_queries.contrib.fastapi import ResourceServer, add_problem_handlers
from examples.notes import pages
from examples.notes.api import SCOPES, add_api
from examples.notes.sessions import Sessions
from examples.notes.sites import STATIC, make_site


def make_app(settings: Settings, issuers: Mapping[str, str], secret: str) -> FastAPI:
    """Return the application and its API.

    `issuers` has the issuer of each host of the application, and `secret` is the
    client's. Only the API uses the `settings` of the authority.
    """
    # One API for the people of all hosts.
    resource = f"http://{next(iter(issuers))}/api"
    server = ResourceServer(
        resource=resource,
        settings=settings,
        issuers=list(issuers.values()),
        scopes=SCOPES,
    )
    app = FastAPI(lifespan=server.lifespan, docs_url=None, redoc_url=None)
    app.state.sessions = sessions = Sessions()
    app.state.sites = {
        host: make_site(host, issuer, resource, secret, sessions)
        for host, issuer in issuers.items()
    }
    # The cookie has the id of the session, and Authlib's state during a sign-in.
    app.add_middleware(
        SessionMiddleware,
        secret_key=secrets.token_urlsafe(32),
        session_cookie="notes",  # cookies of all ports of a host are in one jar
        max_age=None,  # until the browser is closed
        same_site="lax",
    )
    app.add_exception_handler(httpx2.HTTPError, pages.show_failure)
    add_problem_handlers(app)
    add_api(app, server)
    app.include_router(server.metadata_routes())
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    return app
