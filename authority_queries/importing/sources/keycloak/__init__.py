"""Keycloak: realm files, and the file or folder of `kc.sh export`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Source, derive_id
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.file_source import FileSource, Item
from authority_queries.importing.sources.keycloak.clients import (
    client_entries,
    scope_entries,
)
from authority_queries.importing.sources.keycloak.realms import Realm, read_realms
from authority_queries.importing.sources.keycloak.roles import (
    Roles,
    declared,
    role_entries,
)
from authority_queries.importing.sources.keycloak.tenants import tenant_entries
from authority_queries.importing.sources.keycloak.users import Users
from authority_queries.importing.sources.totp import TotpSealer


def open_source(options: SourceOptions) -> Source:
    """Open a realm file or a folder. Raises ConfigurationError, SourceError."""
    if options.since is not None:
        message = "keycloak exports have no times of changes: use --update, not --since"
        raise ConfigurationError(message)
    location = Path(options.location.get_secret_value())
    export = _Export(read_realms(location, options.tenant), options)
    lists = {
        "realms": export.realms,
        "roles": export.roles,
        "client_scopes": export.scopes,
        "clients": export.clients,
        "users": export.users,
    }
    sizes = {name: sum(1 for _ in lists[name]()) for name in lists if name != "users"}
    return FileSource(f"keycloak:{location.name}", lists, sizes=sizes)


class _Export:
    """The realms of an export, and the items of their lists."""

    def __init__(self, realms: list[Realm], options: SourceOptions) -> None:
        self._realms = [(realm, Roles(realm)) for realm in realms]
        self._options = options

    def realms(self) -> Iterator[Item]:
        for realm, _ in self._realms:
            yield Item(
                key=realm.name,
                value=realm.fields,
                convert=partial(
                    tenant_entries, code=realm.code, tenant_id=self._tenant_id(realm)
                ),
                tenant=realm.code,
            )

    def roles(self) -> Iterator[Item]:
        for realm, roles in self._realms:
            for key, role in declared(realm):
                yield Item(
                    key=":".join(filter(None, key)),
                    value=role,
                    convert=partial(role_entries, key=key, realm=realm, roles=roles),
                    tenant=realm.code,
                )

    def scopes(self) -> Iterator[Item]:
        for realm, _ in self._realms:
            for scope in realm.objects("clientScopes"):
                yield Item(
                    key=str(scope.get("name")),
                    value=scope,
                    convert=scope_entries,
                    tenant=realm.code,
                )

    def clients(self) -> Iterator[Item]:
        for realm, _ in self._realms:
            for client in realm.objects("clients"):
                yield Item(
                    key=str(client.get("clientId")),
                    value=client,
                    convert=partial(client_entries, realm=realm),
                    tenant=realm.code,
                )

    def users(self) -> Iterator[Item]:
        for realm, roles in self._realms:
            sealer = TotpSealer(
                keyring=self._options.keyring, tenant_id=self._tenant_id(realm)
            )
            users = Users(realm, roles, sealer)
            for user in realm.users():
                yield Item(
                    key=str(user.get("id") or user.get("username")),
                    value=user,
                    convert=partial(users.entries, user),
                    tenant=realm.code,
                    skip=partial(users.skip, user),
                )

    def _tenant_id(self, realm: Realm) -> UUID:
        # Under another code, the realm may be here a second time.
        own = realm.id if self._options.tenant is None else None
        given = self._options.tenant_id or own
        return given or derive_id(realm.code, "tenant", realm.code)
