"""The tables of django-oauth-toolkit, and those of users, which foreign keys name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal, Never
from uuid import UUID

from psycopg.sql import SQL, Composable
from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.documents import Document
from authority_queries.importing.entries.base import JsonObject
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.django_oauth_toolkit.applications import (
    convert_application,
)
from authority_queries.importing.sources.django_oauth_toolkit.people import People
from authority_queries.importing.sources.django_oauth_toolkit.tokens import (
    convert_access_token,
    convert_family,
    convert_refresh_token,
    family_id,
    scopes_of,
)
from authority_queries.importing.sources.fields import (
    Fields,
    SkippedError,
    document_of,
    field_of,
)
from authority_queries.importing.sources.tables.database import Database, Row, Table
from authority_queries.importing.sources.tables.source import (
    Reading,
    TablesSource,
    by_key,
    document_of_row,
    tenant_of,
)

_KIND: Final = "django-oauth-toolkit"
# Tables whose rows have no place here, and why.
_WITHOUT_PLACE: Final = {
    "oauth2providergrant": "an authorization code lives for a minute",
    "oauth2providerdevicegrant": "a device code lives for minutes",
    "oauth2provideridtoken": "an ID token is verified by its signature",
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
        self._accesses = self._needed("oauth2provideraccesstoken")
        self._refreshes = self._needed("oauth2providerrefreshtoken")
        self._applications = self._target("applicationid", "oauth2providerapplication")
        self._users = self._target("userid", "authuser")

    def readings(self) -> Iterator[Reading]:
        """Yield the collections, each after those that it refers to."""
        yield from People(self._database, *self._users).readings()
        applications, key = self._applications
        yield by_key(self._database, applications, self._convert_applications, key=key)
        yield self._families()
        yield by_key(self._database, self._refreshes, self._convert_refreshes)
        yield by_key(self._database, self._accesses, self._convert_accesses)
        for name, reason in _WITHOUT_PLACE.items():
            table = self._database.find(name)
            if table is not None:
                yield by_key(self._database, table, partial(_skipped, reason))

    def _needed(self, name: str) -> Table:
        found = self._database.find(name)
        if found is None:
            message = (
                "the database has no tables oauth2_provider_accesstoken and "
                "oauth2_provider_refreshtoken that the login may see, in any schema"
            )
            raise SourceError(message)
        return found

    def _target(self, column: str, name: str) -> tuple[Table, str]:
        """Return the table that tokens refer to, which Django lets projects replace."""
        found = self._database.reference(self._accesses, column)
        if found is not None:
            return found
        table = self._database.find(name)
        if table is None:
            message = (
                f"oauth2_provider_accesstoken has no foreign key on {column}, and "
                f"there is no table like {name}"
            )
            raise SourceError(message)
        return table, "id"

    def _convert_applications(self, rows: Sequence[Row]) -> Iterator[Document]:
        convert = partial(convert_application, tenant=self._tenant)
        for row in rows:
            yield document_of_row(row, convert)

    def _families(self) -> Reading:
        tokens, accesses = self._refreshes, self._accesses
        names = {
            "key": "id",
            "user": "userid",
            "application": "applicationid",
            "access": "accesstokenid",
            "revoked": "revoked",
            "created": "created",
            "updated": "updated",
        }
        identifiers: dict[str, Composable] = {
            "tokens": tokens.identifier,
            "accesses": accesses.identifier,
            "access_key": accesses.column("id"),
            "scope": accesses.column("scope"),
            **{name: tokens.column(column) for name, column in names.items()},
            "family": _or_null(tokens, "tokenfamily", "uuid"),
            "resource": _or_null(tokens, "resource", "jsonb"),
        }

        def pages(after: JsonValue) -> Iterator[Sequence[Row]]:
            yield from self._database.batches("families", identifiers, after=after)

        return Reading(
            name=f"{tokens.name} (families)",
            estimated=None,
            pages=pages,
            convert=self._convert_families,
        )

    def _convert_families(self, rows: Sequence[Row]) -> Iterator[Document]:
        clients = self._clients_of(rows)
        for row in rows:
            convert = partial(
                convert_family,
                tenant=self._tenant,
                client=clients.get(str(row["application_id"])),
            )
            fields = Fields(row)
            yield document_of(fields, convert, key=row["key"], position=row["key"])

    def _convert_refreshes(self, rows: Sequence[Row]) -> Iterator[Document]:
        documents = [row["document"] for row in rows]
        clients = self._clients_of(documents)
        wanted = _texts(documents, "accesstokenid")
        accesses = self._database.related(self._accesses, "id", wanted)
        live = self._live_families(_texts(documents, "tokenfamily"))
        for row in rows:
            document = row["document"]
            access = accesses.get(str(field_of(document, "accesstokenid")))
            convert = partial(
                convert_refresh_token,
                tenant=self._tenant,
                client=clients.get(str(field_of(document, "applicationid"))),
                scopes=scopes_of(field_of(access[0], "scope")) if access else None,
                family_lives=str(field_of(document, "tokenfamily")) in live,
            )
            yield document_of_row(row, convert)

    def _live_families(self, families: Sequence[str]) -> set[str]:
        tokens = self._refreshes
        if not families:
            return set()
        identifiers = {
            "tokens": tokens.identifier,
            "family": tokens.column("tokenfamily"),
            "revoked": tokens.column("revoked"),
            "access": tokens.column("accesstokenid"),
        }
        found = self._database.rows("live_families", identifiers, keys=families)
        return {row["key"] for row in found}

    def _convert_accesses(self, rows: Sequence[Row]) -> Iterator[Document]:
        documents = [row["document"] for row in rows]
        clients = self._clients_of(documents)
        keys = [row["key"] for row in rows]
        paired = self._database.related(self._refreshes, "accesstokenid", keys)
        for row in rows:
            application = str(field_of(row["document"], "applicationid"))
            convert = partial(
                convert_access_token,
                client=clients.get(application),
                family=self._family_of(paired.get(row["key"], ())),
                now=self._now,
            )
            yield document_of_row(row, convert)

    def _family_of(self, refreshes: Sequence[JsonObject]) -> UUID | None:
        """Return the family of the live refresh token that an access token has."""
        for token in refreshes:
            if field_of(token, "revoked") is None:
                key = field_of(token, "tokenfamily") or field_of(token, "id")
                return family_id(self._tenant, str(key))
        return None

    def _clients_of(self, rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
        """Return the client_id of each application."""
        table, key = self._applications
        found = self._database.related(table, key, _texts(rows, "applicationid"))
        return {of: str(field_of(row, "clientid")) for of, [row] in found.items()}


def _texts(rows: Iterable[Mapping[str, object]], name: str) -> list[str]:
    """Return the different values of a field, without nulls, as texts."""
    values = (field_of(row, name) for row in rows)
    return list(dict.fromkeys(str(value) for value in values if value is not None))


def _or_null(table: Table, column: str, kind: Literal["uuid", "jsonb"]) -> Composable:
    """Return a column, or null for a version of the toolkit that lacks it."""
    if column not in table.columns:
        return SQL("null::{}").format(SQL(kind))
    return SQL("tokens.") + table.column(column)


def _skipped(reason: str, rows: Sequence[Row]) -> Iterator[Document]:
    for row in rows:
        yield document_of_row(row, partial(_refuse_place, reason))


def _refuse_place(reason: str, _fields: Fields) -> Never:
    raise SkippedError(reason)
