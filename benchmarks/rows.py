"""Inserts the rows for the measured calls, and returns arguments for more rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, TypeVar
from uuid import UUID

from psycopg import Connection

from authority_queries import mint_token
from authority_queries.queries import client_secrets, clients, tenants, tokens, users
from authority_queries.records import Token

USERS: Final = 200
CLIENT: Final = "web"
_TOKENS_OF_EACH: Final = 10
_HOUR: Final = timedelta(hours=1)
# A PHC string of the right shape that no password has.
_PHC: Final = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
_numbers: Final = count(1)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Rows:
    """A tenant's client with a secret, and a user with a token."""

    tenant_id: UUID
    client_uuid: UUID
    secret_id: UUID
    user_id: UUID
    token: str
    token_hash: bytes


def insert_rows(connection: Connection[object]) -> Rows:
    """Insert the rows and so many others that an index is used, then vacuum analyze.

    The connection must be in autocommit.
    """
    tenant = _there(
        tenants.create(
            connection, code="b", display_name="B", status="active", settings={}
        )
    )
    client_uuid = _insert_client(connection, tenant.id)
    secret_id = _insert_secret(connection, tenant.id, client_uuid)
    ids = [_insert_user(connection, tenant.id, number) for number in range(USERS)]
    create: Callable[..., Token | None] = tokens.create
    for user_id in ids * _TOKENS_OF_EACH:
        _there(create(connection, **new_token(tenant.id, client_uuid, user_id)))
    last = mint_token("access", tenant.id)
    known = new_token(tenant.id, client_uuid, ids[-1]) | {"token_hash": last.hash}
    _there(create(connection, **known))
    connection.execute("vacuum analyze")
    return Rows(
        tenant_id=tenant.id,
        client_uuid=client_uuid,
        secret_id=secret_id,
        user_id=ids[-1],
        token=last.token,
        token_hash=last.hash,
    )


def new_token(tenant_id: UUID, client_uuid: UUID, user_id: UUID) -> dict[str, object]:
    """Return arguments of tokens.create, for another token each time."""
    return {
        "tenant_id": tenant_id,
        "type": "access",
        "token_hash": next(_numbers).to_bytes(32),
        "client_uuid": client_uuid,
        "user_id": user_id,
        "service_account_id": None,
        "authorization_id": None,
        "scopes": ("openid", "profile", "email"),
        "code_challenge": None,
        "redirect_uri": None,
        "nonce": None,
        "cnf_jkt": None,
        "cnf_x5t_s256": None,
        "payload": None,
        "properties": {"device": "a telephone", "acr": "urn:a", "amr": ["pwd", "otp"]},
        "authenticated_at": datetime.now(UTC) - _HOUR,
        "lifetime": _HOUR,
    }


def _insert_client(connection: Connection[object], tenant_id: UUID) -> UUID:
    client = clients.create(
        connection,
        tenant_id=tenant_id,
        client_id=CLIENT,
        application_type="web",
        client_type="confidential",
        consent_type="implicit",
        display_name="Web",
        display_names={},
        redirect_uris=["https://web.example/callback"],
        post_logout_redirect_uris=[],
        backchannel_logout_uri=None,
        backchannel_logout_session_required=False,
        frontchannel_logout_uri=None,
        frontchannel_logout_session_required=False,
        token_endpoint_auth_method=None,
        grant_types=None,
        response_types=None,
        permissions=[],
        requirements=[],
        settings={},
        properties={},
        json_web_key_set=None,
        jwks_uri=None,
        metadata_valid_until=None,
        enabled=True,
    )
    return _there(client).id


def _insert_secret(
    connection: Connection[object], tenant_id: UUID, client_uuid: UUID
) -> UUID:
    secret = client_secrets.add(
        connection,
        tenant_id=tenant_id,
        client_uuid=client_uuid,
        secret_hash=_PHC,
        description="",
        valid_from=None,
        valid_until=None,
    )
    return _there(secret).id


def _insert_user(connection: Connection[object], tenant_id: UUID, number: int) -> UUID:
    user = users.create(
        connection,
        tenant_id=tenant_id,
        subject_id=None,
        username=f"user{number:04}",
        username_key=f"user{number:04}",
        email=f"user{number}@example.com",
        email_verified=True,
        display_name=f"User {number}",
        password_hash=_PHC,
        status="active",
        attributes={"locale": "en", "theme": "dark"},
    )
    return _there(user).id


def _there(row: Row | None) -> Row:
    if row is None:
        message = "nothing was inserted"
        raise RuntimeError(message)
    return row
