# mypy: ignore-errors
# It stands in for models without types. pyproject.toml has what Ruff ignores.
"""The models of Authlib's suite for Flask, as rows of the store.

The suite writes rows through SQLAlchemy. These classes write the same rows through the
store. Everything that a request runs is contrib.authlib's and Authlib's own.
"""

import secrets
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from authority_queries import Keyring, hash_password
from authority_queries.contrib import authlib as kit
from authority_queries.contrib.oauth import Provider, ProviderSettings

issuer: Any = None
rows: Any = None
SCOPES = "profile address email phone default_scope"


class Session:
    """Writes at once what SQLAlchemy's session would write at a commit."""

    def add(self, row):
        row.write()

    def commit(self):
        pass

    def delete(self, row):
        row.delete()

    def get(self, model, key):
        return model.get(key)


class Database:
    session = Session()

    def open(self, authority, tenant):
        global issuer, rows
        rows = Rows(tenant)
        settings = ProviderSettings(
            issuer="https://provider.test",
            keyring=Keyring(current="k", keys={"k": secrets.token_bytes(32)}),
            derivation_key=secrets.token_bytes(32),
        )
        provider = Provider(authority, tenant.id, settings)
        provider.rotate_keys()
        issuer = kit.Issuer(
            provider,
            strings_of_application=True,
            to_user=User.of,
            to_client=StoredClient,
        )
        for kind in (CodeGrantMixin, RefreshTokenGrant, IntrospectionEndpoint):
            kind.issuer = issuer
        RevocationEndpoint.issuer = DeviceCodeGrant.issuer = issuer
        with tenant.unit() as store:
            known = store.scopes.resolve(tenant_id=tenant.id, names=SCOPES.split())
            for name in set(SCOPES.split()) - {each.name for each in known}:
                store.scopes.create(tenant_id=tenant.id, name=name)

    def create_all(self):
        pass

    drop_all = create_all


db = Database()


class Rows:
    """What the suite has written in this test."""

    def __init__(self, tenant):
        self.tenant, self.users, self.clients, self.tokens = tenant, {}, {}, {}


class Query:
    def __init__(self, find):
        self.find = find

    def filter_by(self, **by):
        self.by = by
        return self

    def first(self):
        return self.find(**self.by)


class User(kit.User):
    """A user of the store, with the methods of the application."""

    id = None  # the suite counts from 1

    def __init__(self, username):
        self.username = username

    def write(self):
        object.__setattr__(self, "record", rows.tenant.user(self.username))
        for name in ("authenticated_at", "acr", "amr"):
            object.__setattr__(self, name, None)
        object.__setattr__(self, "acr", "urn:mace:incommon:iap:silver")
        object.__setattr__(self, "amr", ["pwd", "otp"])
        self.id = len(rows.users) + 1
        rows.users[self.id] = self

    def delete(self):
        rows.users.pop(self.id, None)

    @classmethod
    def get(cls, key):
        for number, user in rows.users.items():
            if key in {number, str(number), user.record.id}:
                return user
        return None

    @classmethod
    def of(cls, record):
        return cls.get(record.id)

    def get_user_id(self):
        return self.id

    def check_password(self, password):
        return password != "wrong"


User.query = Query(
    lambda username: next(
        (each for each in rows.users.values() if each.username == username), None
    )
)


class StoredClient(kit.Client):
    """The client of a request. The suite overrides a method of its own row."""

    def get_allowed_scope(self, scope):
        row = rows.clients.get(self.client_id)
        override = vars(row).get("get_allowed_scope") if row else None
        return (override or super().get_allowed_scope)(scope)

    @property
    def client_info(self):
        return rows.clients[self.client_id].client_info

    def set_client_metadata(self, value):
        rows.clients[self.client_id].set_client_metadata(value)

    def write(self):
        rows.clients[self.client_id].write()
        object.__setattr__(self, "record", rows.clients[self.client_id].record)

    def delete(self):
        rows.clients[self.client_id].delete()


class Client:
    def __init__(self, **columns):
        self.client_metadata = {}
        self.client_secret, self.record = "", None
        self.client_id_issued_at = self.client_secret_expires_at = 0
        vars(self).update(columns)

    def set_client_metadata(self, value):
        self.client_metadata = dict(value)

    def __getattr__(self, name):
        if name == "scope":
            return self.client_metadata.get(name, "")
        try:
            return vars(self)["client_metadata"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def client_info(self):
        names = ("client_id", "client_secret", "client_id_issued_at")
        found = {name: getattr(self, name) for name in names}
        return {**found, "client_secret_expires_at": self.client_secret_expires_at}

    def get_allowed_scope(self, scope):
        return scope

    def get_client_id(self):
        return self.client_id

    def write(self):
        data, tenant = self.client_metadata, rows.tenant
        method = data.get("token_endpoint_auth_method", "client_secret_basic")
        known = {"client_secret_basic", "client_secret_post", "none"}
        with tenant.unit() as store:
            if self.record is not None:
                store.clients.delete(tenant_id=tenant.id, client_uuid=self.record.id)
            self.record = store.clients.create(
                tenant_id=tenant.id,
                client_id=self.client_id,
                client_type="public" if method == "none" else "confidential",
                display_name=data.get("client_name", ""),
                redirect_uris=data.get("redirect_uris", []),
                post_logout_redirect_uris=data.get("post_logout_redirect_uris", []),
                token_endpoint_auth_method=method if method in known else None,
                grant_types=data.get("grant_types"),
                response_types=data.get("response_types"),
                permissions=[f"scp:{each}" for each in data.get("scope", "").split()],
                json_web_key_set=data.get("jwks"),
                properties={
                    k: v
                    for k, v in data.items()
                    if k not in COLUMNS or (v == method and method not in known)
                },
            )
            if method != "none":
                store.client_secrets.add(
                    tenant_id=tenant.id,
                    client_uuid=self.record.id,
                    secret_hash=hashed(self.client_secret or "none"),
                )
        rows.clients[self.client_id] = self

    def delete(self):
        rows.clients.pop(self.client_id, None)
        with rows.tenant.unit() as store:
            store.clients.delete(tenant_id=rows.tenant.id, client_uuid=self.record.id)


COLUMNS = {"client_name", "redirect_uris", "grant_types", "response_types", "jwks"}
COLUMNS |= {"token_endpoint_auth_method", "scope", "post_logout_redirect_uris"}
hashed = cache(hash_password)
Client.query = Query(lambda client_id: issuer.query_client(client_id))


class Token:
    """An access token and its refresh token: a family of the store."""

    issued_at = 0
    access_token_revoked_at = refresh_token_revoked_at = 0
    expires_in, scope, refresh_token, family = 3600, "", None, None

    def __init__(self, **columns):
        vars(self).update(columns)

    def check_client(self, client):
        return self.client_id == client.client_id

    def write(self):
        tenant, client = rows.tenant, rows.clients.get(self.client_id)
        user = User.get(self.user_id)
        self.delete()
        if client is None:  # SQLAlchemy's tokens have no foreign key to it
            client = Client(client_id=self.client_id)
            client.write()
        user_id = None if user is None else user.record.id
        scopes = (self.scope or "").split()
        with tenant.unit() as store:
            family = store.authorizations.create(
                tenant_id=tenant.id,
                client_uuid=client.record.id,
                user_id=user_id,
                scopes=scopes,
            )
            self.family = family.id
            rows.tokens[self.access_token] = self
            for kind in ("access", "refresh"):
                string = getattr(self, f"{kind}_token")
                if string is None:
                    continue
                made = store.tokens.create(
                    tenant_id=tenant.id,
                    type=kind,
                    token_hash=sha256(string.encode()).digest(),
                    client_uuid=client.record.id,
                    user_id=user_id,
                    authorization_id=family.id,
                    scopes=scopes,
                    lifetime=timedelta(seconds=max(self.expires_in, 0.001)),
                )
                if getattr(self, f"{kind}_token_revoked_at"):
                    store.tokens.revoke_by_id(
                        tenant_id=tenant.id, token_id=made.id, reason="test"
                    )

    def delete(self):
        if self.family is None:
            return
        rows.tokens.pop(self.access_token, None)
        if self.client_id in rows.clients:
            rows.clients[self.client_id].write()


Token.query = Query(lambda access_token: rows.tokens.get(access_token))


class AuthorizationCode:
    """A code that the suite stores without a request."""

    def __init__(self, **columns):
        pass

    def write(self):
        pass


class CodeGrantMixin(kit.StoredCodes):
    pass


class RefreshTokenGrant(kit.StoredRefreshTokens):
    pass


class DeviceCodeGrant(kit.StoredDevices):
    pass


class IntrospectionEndpoint(kit.IntrospectionEndpoint):
    pass


class RevocationEndpoint(kit.RevocationEndpoint):
    pass


def save_authorization_code(code, request):
    return CodeGrantMixin(request, None).save_authorization_code(code, request)


def exists_nonce(nonce, request):
    return False


def adopt(server):
    issuer.adopt(server)


def query_client(client_id):
    return issuer.query_client(client_id)


def save_token(token, request):
    return issuer.save_token(token, request)


def create_revocation_endpoint(session, model):
    return RevocationEndpoint


def create_query_token_func(session, model):
    return None


def create_bearer_token_validator(session, model):
    return lambda *given: kit.BearerTokenValidator(issuer)
