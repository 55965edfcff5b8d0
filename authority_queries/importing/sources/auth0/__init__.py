"""Auth0: exports of users and of passwords, and the files of the deploy CLI."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path

from pydantic import JsonValue

from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.conversions import text
from authority_queries.importing.documents import Source
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.auth0.clients import (
    api_entries,
    client_entries,
    role_entries,
    scope_entries,
    scopes_of,
)
from authority_queries.importing.sources.auth0.files import (
    Kind,
    find_files,
    objects_in,
)
from authority_queries.importing.sources.auth0.users import (
    Users,
    password_entries,
    user_id_of,
)
from authority_queries.importing.sources.changes import is_since
from authority_queries.importing.sources.fields import Fields, SkippedError
from authority_queries.importing.sources.file_source import FileSource, Item
from authority_queries.importing.sources.line_index import KeySet, LineIndex


def open_source(options: SourceOptions) -> Source:
    """Open files, or folders, that commas separate.

    Raises ConfigurationError, SourceError.
    """
    if options.tenant is None:
        message = "auth0 exports name no tenant: name the tenant that gets the users"
        raise ConfigurationError(message)
    export = _Export(options, options.tenant)
    lists = {
        "roles": export.roles,
        "apis": export.apis,
        "scopes": export.scopes,
        "clients": export.clients,
        "users": export.users,
        "passwords": export.passwords,
        "files": export.others,
    }
    return FileSource(f"auth0:{export.name}", lists)


class _Export:
    """The files of an export, and the items of their lists."""

    def __init__(self, options: SourceOptions, tenant: str) -> None:
        location = options.location.get_secret_value()
        self._files = find_files(location)
        self._tenant = tenant
        self._since = options.since
        self.name = ",".join(Path(part).name for part in location.split(","))
        if len(self._files["passwords"]) > 1 or len(self._files["users"]) > 1:
            message = f"{self.name} has several exports of one kind: join them first"
            raise SourceError(message)

    def roles(self) -> Iterator[Item]:
        for role in self._objects("roles"):
            yield Item(key=str(role.get("name")), value=role, convert=role_entries)

    def apis(self) -> Iterator[Item]:
        for api in self._objects("apis"):
            key = str(api.get("identifier"))
            yield Item(key=key, value=api, convert=api_entries)

    def scopes(self) -> Iterator[Item]:
        for name, scope in scopes_of(self._objects("apis")).items():
            if isinstance(scope, dict):
                yield Item(key=name, value=scope, convert=scope_entries)

    def clients(self) -> Iterator[Item]:
        convert = partial(client_entries, tenant=self._tenant)
        for client in self._objects("clients"):
            key = str(client.get("client_id") or client.get("name"))
            yield Item(key=key, value=client, convert=convert)

    def users(self) -> Iterator[Item]:
        users = Users(self._tenant, self._passwords)
        for user in self._objects("users"):
            if is_since(user, self._since, "updated_at", "created_at"):
                yield Item(
                    key=str(user.get("user_id")),
                    value=user,
                    convert=users.entries,
                    skip=partial(users.skip, user),
                )

    def passwords(self) -> Iterator[Item]:
        if not self._files["users"]:
            return
        known = KeySet(str(user.get("user_id")) for user in self._objects("users"))
        convert = partial(password_entries, is_known=known.__contains__)
        for line in self._objects("passwords"):
            key = Fields(line).attempt("id", text, None)
            yield Item(key=str(key), value=line, convert=convert)

    def others(self) -> Iterator[Item]:
        for path in self._files["others"]:
            yield Item(key=path.name, value={}, convert=_unread)

    def _objects(self, kind: Kind) -> Iterator[Mapping[str, JsonValue]]:
        for path in self._files[kind]:
            yield from objects_in(path)

    @cached_property
    def _passwords(self) -> LineIndex | None:
        for path in self._files["passwords"]:
            return LineIndex(path, user_id_of)
        return None


def _unread(_fields: Fields) -> Iterable[AnyEntry]:
    reason = "a file that is not read"
    raise SkippedError(reason)
