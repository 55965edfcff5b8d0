"""The tables of OpenIddict."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from pydantic import JsonValue

from authority_queries.importing.documents import Document
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
    by_key,
    document_of_row,
)


class Grants:
    """Scopes, applications, authorizations and tokens, if the database has them."""

    def __init__(self, database: Database, tenant: str, now: datetime) -> None:
        self._database = database
        self._tenant = tenant
        self._now = now
        find = database.find
        self._scopes = find("openiddictscopes")
        self._applications = find("openiddictapplications")
        self._authorizations = find("openiddictauthorizations")
        self._tokens = find("openiddicttokens")

    @property
    def are_there(self) -> bool:
        """Whether there are applications."""
        return self._applications is not None

    def clients(self) -> Iterator[Reading]:
        """Yield scopes and applications."""
        if self._scopes is not None:
            yield by_key(self._database, self._scopes, self._convert_scopes)
        if self._applications is not None:
            yield by_key(self._database, self._applications, self._convert_applications)

    def tokens(self) -> Iterator[Reading]:
        """Yield consents, families and tokens."""
        if self._authorizations is not None:
            yield self._consents(self._authorizations)
            yield by_key(
                self._database, self._authorizations, self._convert_authorizations
            )
        if self._tokens is not None:
            yield by_key(self._database, self._tokens, self._convert_tokens)

    def _convert_scopes(self, rows: Sequence[Row]) -> Iterator[Document]:
        for row in rows:
            yield document_of_row(row, convert_scope)

    def _convert_applications(self, rows: Sequence[Row]) -> Iterator[Document]:
        convert = partial(convert_application, tenant=self._tenant)
        for row in rows:
            yield document_of_row(row, convert)

    def _consents(self, table: Table) -> Reading:
        names = {
            "key": "id",
            "application": "applicationid",
            "subject": "subject",
            "type": "type",
            "status": "status",
            "scopes": "scopes",
            "created": "creationdate",
            "properties": "properties",
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
            yield document_of_row(row, convert)

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
            yield document_of_row(row, convert)

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
