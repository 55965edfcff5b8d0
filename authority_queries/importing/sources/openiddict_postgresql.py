"""OpenIddict and ASP.NET Core Identity in the tables of Entity Framework Core.

Tables and columns are found by their names in any spelling: "OpenIddictTokens" or
open_iddict_tokens.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.documents import Document
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.aspnet_identity import (
    convert_role,
    convert_user,
)
from authority_queries.importing.sources.fields import Fields, document_of, field_of
from authority_queries.importing.sources.openiddict import (
    convert_application,
    convert_authorization,
    convert_consent,
    convert_scope,
    convert_token,
    expiry_of,
    scopes_of_authorization,
)
from authority_queries.importing.sources.tables.database import Database, Row, Table
from authority_queries.importing.sources.tables.source import (
    Reading,
    TablesSource,
    by_key,
    tenant_of,
)

_KIND: Final = "openiddict-postgresql"
# The lists of a user's document, by their tables.
_OF_USERS: Final = {
    "claims": "aspnetuserclaims",
    "logins": "aspnetuserlogins",
    "tokens": "aspnetusertokens",
    "passkeys": "aspnetuserpasskeys",
}


def open_source(options: SourceOptions) -> TablesSource:
    """Open the tables. Raises SourceError, ConfigurationError."""
    tenant = tenant_of(options, _KIND)
    database = Database(options.location.get_secret_value())
    try:
        reader = _Reader(database, tenant)
        return TablesSource(_KIND, database, list(reader.readings()))
    except BaseException:
        database.close()
        raise


class _Reader:
    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant
        self._now = datetime.now(UTC)
        find = database.find
        self._scopes = find("openiddictscopes")
        self._applications = find("openiddictapplications")
        self._authorizations = find("openiddictauthorizations")
        self._tokens = find("openiddicttokens")
        self._roles = find("aspnetroles")
        self._users = find("aspnetusers")
        self._of_users = {name: find(table) for name, table in _OF_USERS.items()}
        self._user_roles = find("aspnetuserroles")
        self._role_claims = find("aspnetroleclaims")

    def readings(self) -> Iterator[Reading]:
        """Yield the collections, each after those that it refers to."""
        if self._applications is None and self._users is None:
            message = (
                "the database has neither a table OpenIddictApplications nor a table "
                "AspNetUsers that the login may see, in any spelling and schema"
            )
            raise SourceError(message)
        for table, convert in (
            (self._scopes, self._convert_scopes),
            (self._applications, self._convert_applications),
            (self._roles, self._convert_roles),
            (self._users, self._convert_users),
        ):
            if table is not None:
                yield by_key(self._database, table, convert)
        if self._authorizations is not None:
            yield self._consents(self._authorizations)
            yield by_key(
                self._database, self._authorizations, self._convert_authorizations
            )
        if self._tokens is not None:
            yield by_key(self._database, self._tokens, self._convert_tokens)

    def _convert_scopes(self, rows: Sequence[Row]) -> Iterator[Document]:
        for row in rows:
            yield _document(row, convert_scope)

    def _convert_applications(self, rows: Sequence[Row]) -> Iterator[Document]:
        convert = partial(convert_application, tenant=self._tenant)
        for row in rows:
            yield _document(row, convert)

    def _convert_roles(self, rows: Sequence[Row]) -> Iterator[Document]:
        keys = [row["key"] for row in rows]
        claims = self._database.related(self._role_claims, "roleid", keys)
        for row in rows:
            lists = {"claims": claims[row["key"]]} if row["key"] in claims else {}
            yield _document(row, convert_role, lists)

    def _convert_users(self, rows: Sequence[Row]) -> Iterator[Document]:
        keys = [row["key"] for row in rows]
        related = self._database.related
        lists = {
            name: related(table, "userid", keys)
            for name, table in self._of_users.items()
        }
        roles = self._roles_of(keys)
        convert = partial(convert_user, now=self._now)
        for row in rows:
            key = row["key"]
            mine = {name: found.get(key, []) for name, found in lists.items()}
            yield _document(row, convert, {**mine, "roles": roles.get(key, [])})

    def _roles_of(self, users: Sequence[str]) -> Mapping[str, list[object]]:
        """Return the names of the roles of each user."""
        pairs = self._database.related(self._user_roles, "userid", users)
        role_ids = {
            user: [str(field_of(pair, "roleid")) for pair in found]
            for user, found in pairs.items()
        }
        wanted = [role for found in role_ids.values() for role in found]
        roles = self._database.related(self._roles, "id", wanted)
        return {
            user: [
                field_of(role, "name") for each in found for role in roles.get(each, ())
            ]
            for user, found in role_ids.items()
        }

    def _consents(self, table: Table) -> Reading:
        names = {
            "key": "id",
            "application": "applicationid",
            "subject": "subject",
            "type": "type",
            "status": "status",
            "scopes": "scopes",
            "created": "creationdate",
        }
        identifiers = {
            "authorizations": table.identifier,
            **{name: table.column(column) for name, column in names.items()},
        }

        def pages(after: JsonValue) -> Iterator[Sequence[Row]]:
            application, subject = after if isinstance(after, list) else (None, None)
            yield from self._database.batches(
                "consents",
                identifiers,
                after_application=application,
                after_subject=subject,
            )

        return Reading(
            name=f"{table.name} (consents)",
            estimated=None,
            pages=pages,
            convert=self._convert_consents,
        )

    def _convert_consents(self, rows: Sequence[Row]) -> Iterator[Document]:
        clients = self._clients_of(row["applicationid"] for row in rows)
        for row in rows:
            application, subject = row["applicationid"], row["subject"]
            convert = partial(
                convert_consent,
                tenant=self._tenant,
                client=clients.get(application),
            )
            yield document_of(
                Fields(row),
                convert,
                key=f"{application} {subject}",
                position=[application, subject],
            )

    def _convert_authorizations(self, rows: Sequence[Row]) -> Iterator[Document]:
        clients = self._clients_of(_application(row) for row in rows)
        expiries = self._expiries([row["key"] for row in rows])
        for row in rows:
            convert = partial(
                convert_authorization,
                tenant=self._tenant,
                client=clients.get(_application(row)),
                tokens_expire_at=expiries.get(row["key"]),
            )
            yield _document(row, convert)

    def _expiries(self, keys: Sequence[str]) -> dict[str, datetime]:
        """Return when the last live reference token of each family expires."""
        if self._tokens is None:
            return {}
        names = {
            "authorization": "authorizationid",
            "expires": "expirationdate",
            "reference": "referenceid",
            "type": "type",
        }
        identifiers = {
            "tokens": self._tokens.identifier,
            **{name: self._tokens.column(column) for name, column in names.items()},
        }
        rows = self._database.rows("expiries", identifiers, keys=list(keys))
        found = {row["key"]: expiry_of(row["expires"]) for row in rows}
        return {key: at for key, at in found.items() if at > self._now}

    def _convert_tokens(self, rows: Sequence[Row]) -> Iterator[Document]:
        clients = self._clients_of(_application(row) for row in rows)
        scopes = self._scopes_of([_authorization(row) for row in rows])
        for row in rows:
            convert = partial(
                convert_token,
                tenant=self._tenant,
                client=clients.get(_application(row)),
                scopes=scopes.get(_authorization(row), ()),
                now=self._now,
            )
            yield _document(row, convert)

    def _clients_of(self, applications: Iterable[str]) -> dict[str, str]:
        """Return the client_id of each application."""
        found = self._database.related(
            self._applications, "id", [key for key in applications if key]
        )
        return {key: str(field_of(row, "clientid")) for key, [row] in found.items()}

    def _scopes_of(self, authorizations: Sequence[str]) -> dict[str, Sequence[str]]:
        """Return the scopes of each authorization."""
        found = self._database.related(
            self._authorizations, "id", list(filter(None, authorizations))
        )
        return {
            key: scopes_of_authorization(field_of(row, "scopes"))
            for key, [row] in found.items()
        }


def _application(row: Row) -> str:
    return str(field_of(row["document"], "applicationid") or "")


def _authorization(row: Row) -> str:
    return str(field_of(row["document"], "authorizationid") or "")


def _document(
    row: Row,
    convert: Callable[[Fields], Iterable[AnyEntry]],
    lists: Mapping[str, object] | None = None,
) -> Document:
    fields = Fields({**(lists or {}), **row["document"]})
    return document_of(fields, convert, key=row["key"], position=row["key"])
