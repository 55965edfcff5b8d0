"""Authlib's server on Flask and SQLAlchemy, after Authlib's example and its pages.

The example has no introspection and issues no refresh tokens: both are as Authlib's
pages on them show.
"""

import secrets
import time
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    create_query_client_func,
    create_query_token_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from benchmarks.compared.authlib import OAuth2Client, OAuth2Token, engine_of
from benchmarks.compared.authlib import prepare as prepare_tables
from benchmarks.compared.workload import CLIENTS
from benchmarks.served.held import ACCESS, LIFETIME, SCOPE, Held, database, host


def prepare(database: str, tokens: int, refresh: int) -> Held:
    """Create and fill the database."""
    prepare_tables(database, tokens)
    secret = secrets.token_urlsafe(32)
    client = OAuth2Client(
        id=CLIENTS + 1,
        client_id="caller",
        client_secret=secret,
        client_id_issued_at=0,
    )
    client.set_client_metadata(
        {
            "scope": SCOPE,
            "grant_types": ["client_credentials", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    issued = [_token(is_refresh=number >= ACCESS) for number in range(ACCESS + refresh)]
    held = Held(
        client=("caller", secret),
        hashed=None,
        access=[token.access_token for token in issued[:ACCESS]],
        refresh=[token.refresh_token for token in issued[ACCESS:]],
    )
    engine = engine_of(database)
    with Session(engine) as session:
        session.add_all([client, *issued])
        session.commit()
    engine.dispose()
    return held


def app() -> Flask:
    """Return the application."""
    session = scoped_session(sessionmaker(engine_of(database())))
    flask = Flask(__name__)
    # Without it Authlib issues no refresh tokens.
    flask.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    flask.teardown_appcontext(lambda _: session.remove())
    server: Any = AuthorizationServer(
        flask,
        query_client=create_query_client_func(session, OAuth2Client),
        save_token=create_save_token_func(session, OAuth2Token),
    )
    server.register_grant(grants.ClientCredentialsGrant)
    server.register_grant(_refresh_grant(session))
    server.register_endpoint(_introspection(session))
    flask.add_url_rule(
        "/token", "token", server.create_token_response, methods=["POST"]
    )
    flask.add_url_rule(
        "/introspect",
        "introspect",
        lambda: server.create_endpoint_response("introspection"),
        methods=["POST"],
    )
    return flask


def _refresh_grant(session: "scoped_session") -> type[grants.RefreshTokenGrant]:
    class RefreshTokenGrant(grants.RefreshTokenGrant):
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Any:
            query = session.query(OAuth2Token).filter_by(refresh_token=refresh_token)
            token = query.first()
            usable = token and not token.refresh_token_revoked_at
            return token if usable else None

        def authenticate_user(self, refresh_token: Any) -> Any:
            return refresh_token.user

        def revoke_old_credential(self, refresh_token: Any) -> None:
            refresh_token.refresh_token_revoked_at = int(time.time())
            session.add(refresh_token)
            session.commit()

    return RefreshTokenGrant


def _introspection(session: "scoped_session") -> type[IntrospectionEndpoint]:
    query = create_query_token_func(session, OAuth2Token)

    class Introspection(IntrospectionEndpoint):
        def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
            return query(token_string, token_type_hint)

        def check_permission(self, token: Any, client: Any, _: object) -> bool:
            return bool(token.client_id == client.client_id)

        def introspect_token(self, token: Any) -> dict[str, object]:
            return {
                "active": True,
                "client_id": token.client_id,
                "token_type": token.token_type,
                "username": token.user.username,
                "scope": token.get_scope(),
                "sub": str(token.user.get_user_id()),
                "aud": token.client_id,
                "iss": f"http://{host()}/",
                "exp": token.issued_at + token.expires_in,
                "iat": token.issued_at,
            }

    return Introspection


def _token(*, is_refresh: bool) -> OAuth2Token:
    return OAuth2Token(
        client_id="caller",
        user_id=1,
        token_type="Bearer",  # noqa: S106 -- a type
        access_token=secrets.token_urlsafe(32),
        refresh_token=secrets.token_urlsafe(36) if is_refresh else None,
        scope=SCOPE,
        issued_at=int(time.time()),
        expires_in=LIFETIME,
    )
