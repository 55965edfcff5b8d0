"""Sessions, the clients that were used in them, and the families that end with them."""

from typing import Any, TypeAlias

import psycopg

from authority_queries import Store
from authority_queries.records import Client, LiveSession, Session, User
from authority_queries.secrets import TokenString
from tests.factories import make_authorization, make_client, make_token

Dba: TypeAlias = "psycopg.Connection[Any]"
LOGOUT = "https://shop.example/logout"


def verify(store: Store, cookie: TokenString) -> LiveSession | None:
    return store.sessions.verify(tenant_id=cookie.tenant_id, cookie_hash=cookie.hash)


def use_client(
    store: Store, dba: Dba, session: Session, uri: str | None = LOGOUT, **fields: Any
) -> Client:
    """Return a client that received a code in the session."""
    client = make_client(store, session.tenant_id, backchannel_logout_uri=uri, **fields)
    dba.execute(
        "insert into authority.session_clients (tenant_id, session_id, client_uuid) "
        "values (%s, %s, %s)",
        [session.tenant_id, session.id, client.id],
    )
    return client


def make_bound_token(
    store: Store,
    dba: Dba,
    session: Session,
    user: User,
    client: Client,
    *,
    ends: bool = True,
) -> TokenString:
    """Return an access token whose family was granted in the session."""
    family = make_authorization(store, client, user_id=user.id)
    dba.execute(
        "update authority.authorizations set session_id = %s, ends_with_session = %s "
        "where id = %s",
        [session.id, ends, family.id],
    )
    return make_token(store, client, user_id=user.id, authorization_id=family.id)[0]
