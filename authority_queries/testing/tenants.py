"""Tenants for tests, and factories of their rows."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Final
from uuid import UUID

from authority_queries import Authority, Store, hash_password, mint_token
from authority_queries.engine.runtime import JsonObject
from authority_queries.records import Client, ClientType, Session, Tenant, User

_HOUR: Final = timedelta(hours=1)
_numbers: Final = count(1)


class SampleTenant:
    """A tenant for one test. Its factories fill in what the test does not set.

    Each factory is a unit of work of its own, so call it outside `unit()`.
    """

    def __init__(self, authority: Authority, tenant: Tenant) -> None:
        self._authority = authority
        self.id: UUID = tenant.id
        self.code: str = tenant.code

    def unit(self, *, autocommit: bool = False) -> AbstractContextManager[Store]:
        """Open a unit of work of this tenant, as `Authority.tenant`."""
        return self._authority.tenant(self.id, autocommit=autocommit)

    def user(
        self,
        username: str | None = None,
        *,
        password: str | None = None,
        email: str | None = None,
        email_verified: bool = False,
        display_name: str = "",
        roles: Sequence[str] = (),
        attributes: JsonObject | None = None,
    ) -> User:
        """Create a user. Roles that the tenant does not have are created."""
        with self.unit() as store:
            user = store.users.create(
                tenant_id=self.id,
                username=username or f"user-{next(_numbers)}",
                email=email,
                email_verified=email_verified,
                display_name=display_name,
                password_hash=None if password is None else _hash(password),
                attributes=attributes,
            )
            for name in roles:
                role = store.roles.get_by_name(tenant_id=self.id, name=name)
                role = role or store.roles.create(tenant_id=self.id, name=name)
                store.user_roles.assign(
                    tenant_id=self.id, user_id=user.id, role_id=role.id
                )
            return user

    def client(
        self,
        client_id: str | None = None,
        *,
        client_type: ClientType = "public",
        redirect_uris: Sequence[str] = (),
        secret: str | None = None,
        grant_types: Sequence[str] | None = None,
    ) -> Client:
        """Create a client. A client with a secret is confidential."""
        with self.unit() as store:
            client = store.clients.create(
                tenant_id=self.id,
                client_id=client_id or f"client-{next(_numbers)}",
                client_type="confidential" if secret is not None else client_type,
                redirect_uris=redirect_uris,
                grant_types=grant_types,
            )
            if secret is not None:
                store.client_secrets.add(
                    tenant_id=self.id,
                    client_uuid=client.id,
                    secret_hash=_hash(secret),
                )
            return client

    def access_token(
        self,
        client: Client,
        user: User | None = None,
        *,
        scopes: Sequence[str] = (),
        resources: Sequence[str] = (),
        acr: str | None = None,
        amr: Sequence[str] | None = None,
        cnf_jkt: str | None = None,
        lifetime: timedelta = _HOUR,
    ) -> str:
        """Store an access token, without the rules of grants. Return its string.

        `acr` and `amr`: how the user signed in. `cnf_jkt`: the thumbprint of the key
        to which the token is bound (RFC 9449).
        """
        minted = mint_token("access", self.id)
        with self.unit() as store:
            family = store.authorizations.create(
                tenant_id=self.id,
                client_uuid=client.id,
                user_id=None if user is None else user.id,
                scopes=scopes,
                resources=resources,
                acr=acr,
                amr=amr,
            )
            store.tokens.create(
                tenant_id=self.id,
                type="access",
                token_hash=minted.hash,
                client_uuid=client.id,
                user_id=family.user_id,
                authorization_id=family.id,
                scopes=scopes,
                resources=resources,
                cnf_jkt=cnf_jkt,
                lifetime=lifetime,
            )
        return minted.token

    def session(self, user: User) -> tuple[str, Session]:
        """Start the session of a browser. Return its cookie and the session."""
        cookie = mint_token("session", self.id)
        with self.unit() as store:
            session = store.sessions.start(
                tenant_id=self.id,
                cookie_hash=cookie.hash,
                user_id=user.id,
                authenticated_at=None,
            )
        assert session is not None, "the user is not active"  # noqa: S101 -- in a test
        return cookie.token, session


@cache
def _hash(password: str) -> str:
    """Return one hash for all users with this password, because hashing is slow."""
    return hash_password(password)
