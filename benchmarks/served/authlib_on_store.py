"""The server of docs/authlib.md: Authlib's on Flask, with contrib.authlib."""

import secrets
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

from authlib.integrations.flask_oauth2 import AuthorizationServer
from flask import Flask

from authority_queries import Authority, Keyring
from authority_queries.contrib.authlib import Issuer, register
from authority_queries.contrib.oauth import Provider, ProviderSettings
from benchmarks.served.authority import TENANT, prepare, settings_of
from benchmarks.served.held import database, host

__all__ = ["app", "prepare"]
# What is open until the process ends.
_OPEN: Final = ExitStack()


def app() -> Flask:
    """Return the application."""
    authority = _OPEN.enter_context(Authority.open(settings_of(database())))
    tenant_id = authority.find_tenant(TENANT)
    if tenant_id is None:
        message = f"no tenant {TENANT}"
        raise LookupError(message)
    settings = ProviderSettings(
        issuer=f"http://{host()}",
        keyring=Keyring(current="1", keys={"1": secrets.token_bytes(32)}),
        derivation_key=secrets.token_bytes(32),
    )
    issuer = Issuer(Provider(authority, tenant_id, settings))
    flask = Flask(__name__)
    server: Any = AuthorizationServer(flask, issuer.query_client, issuer.save_token)
    register(server, issuer)
    for name, path in issuer.paths.items():
        view = partial(server.create_endpoint_response, name)
        flask.add_url_rule(path, name, view, methods=["GET", "POST"])
    return flask
