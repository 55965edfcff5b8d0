"""The tables of ASP.NET Core Identity."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from authority_queries.importing.documents import Document
from authority_queries.importing.sources import SourceOptions
from authority_queries.importing.sources.aspnet_identity import (
    convert_role,
    convert_user,
    seal_of,
)
from authority_queries.importing.sources.fields import field_of
from authority_queries.importing.sources.tables.database import Database, Row
from authority_queries.importing.sources.tables.source import (
    Reading,
    by_key,
    document_of_row,
)
from authority_queries.importing.sources.verified_emails import VerifiedEmails

# The lists of a user's document, by their tables.
_OF_USERS: Final = {
    "claims": "aspnetuserclaims",
    "logins": "aspnetuserlogins",
    "tokens": "aspnetusertokens",
    "passkeys": "aspnetuserpasskeys",
}


class Identity:
    """Roles and users, if the database has them."""

    def __init__(
        self, database: Database, options: SourceOptions, tenant: str, now: datetime
    ) -> None:
        self._database = database
        self._now = now
        self._emails = VerifiedEmails()
        self._seal = seal_of(options, tenant)
        find = database.find
        self._roles = find("aspnetroles")
        self._role_claims = find("aspnetroleclaims")
        self._users = find("aspnetusers")
        self._user_roles = find("aspnetuserroles")
        self._of_users = {name: find(table) for name, table in _OF_USERS.items()}

    @property
    def is_there(self) -> bool:
        """Whether there are users."""
        return self._users is not None

    def people(self) -> Iterator[Reading]:
        """Yield roles and users."""
        if self._roles is not None:
            yield by_key(self._database, self._roles, self._convert_roles)
        if self._users is not None:
            yield by_key(self._database, self._users, self._convert_users)

    def _convert_roles(self, rows: Sequence[Row]) -> Iterator[Document]:
        keys = [row["key"] for row in rows]
        claims = self._database.related(self._role_claims, "roleid", keys)
        for row in rows:
            lists = {"claims": claims[row["key"]]} if row["key"] in claims else {}
            yield document_of_row(row, convert_role, lists)

    def _convert_users(self, rows: Sequence[Row]) -> Iterator[Document]:
        keys = [row["key"] for row in rows]
        related = self._database.related
        lists = {
            name: related(table, "userid", keys)
            for name, table in self._of_users.items()
        }
        roles = self._roles_of(keys)
        convert = partial(
            convert_user, now=self._now, emails=self._emails, seal=self._seal
        )
        for row in rows:
            key = row["key"]
            mine = {name: found.get(key, []) for name, found in lists.items()}
            yield document_of_row(row, convert, {**mine, "roles": roles.get(key, [])})

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
