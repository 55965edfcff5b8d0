"""Users and groups of Django, as rows."""

from collections.abc import Iterator, Sequence
from functools import partial

from authority_queries.importing.documents import Document
from authority_queries.importing.sources.django_oauth_toolkit.users import (
    convert_group,
    convert_user,
)
from authority_queries.importing.sources.fields import field_of
from authority_queries.importing.sources.tables.database import Database, Row, Table
from authority_queries.importing.sources.tables.source import (
    Reading,
    by_key,
    document_of_row,
)


class People:
    """Groups, and the users whose table and key tokens refer to."""

    def __init__(self, database: Database, users: Table, key: str) -> None:
        self._database = database
        self._users = users
        self._key = key
        self._groups = database.find("authgroup")
        self._permissions = database.find("authpermission")

    def readings(self) -> Iterator[Reading]:
        """Yield groups and users."""
        if self._groups is not None:
            yield by_key(self._database, self._groups, self._convert_groups)
        yield by_key(self._database, self._users, self._convert_users, key=self._key)

    def _convert_groups(self, rows: Sequence[Row]) -> Iterator[Document]:
        permissions = self._links(self._groups, self._permissions, rows)
        for row in rows:
            lists = {"permissions": permissions.get(row["key"])}
            yield document_of_row(row, convert_group, lists)

    def _convert_users(self, rows: Sequence[Row]) -> Iterator[Document]:
        permissions = self._links(self._users, self._permissions, rows)
        members = self._links(self._users, self._groups, rows)
        wanted = [group for groups in members.values() for group in groups]
        found = self._database.related(self._groups, "id", wanted)
        names = {key: field_of(group, "name") for key, [group] in found.items()}
        for row in rows:
            groups = [names[group] for group in members.get(row["key"], ())]
            lists = {"permissions": permissions.get(row["key"]), "groups": groups}
            convert = partial(convert_user, key=row["key"], column=self._key)
            yield document_of_row(row, convert, lists)

    def _links(
        self, first: Table | None, second: Table | None, rows: Sequence[Row]
    ) -> dict[str, list[str]]:
        """Return the keys of the rows of `second` that each row of `first` has."""
        linking = (
            self._database.linking(first, second)
            if first is not None and second is not None
            else None
        )
        if linking is None:
            return {}
        table, column, other = linking
        found = self._database.related(table, column, [row["key"] for row in rows])
        return {
            key: [str(field_of(link, other)) for link in links]
            for key, links in found.items()
        }
