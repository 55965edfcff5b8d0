"""The rows of the documents of one tenant, before they are inserted."""

from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, cast
from uuid import UUID

from authority_queries.engine.refusals import MAX_SIZE
from authority_queries.importing.documents import Document
from authority_queries.importing.entries import (
    AnyEntry,
    ClientEntry,
    LicenseUsageEntry,
    LoginAttemptEntry,
    RoleEntry,
    ServiceAccountEntry,
    TenantEntry,
    UserEntry,
)
from authority_queries.importing.writing.outcomes import Outcome
from authority_queries.importing.writing.rows import (
    Ids,
    RefusedError,
    as_json,
    id_of,
    names_in,
    row_of,
)
from authority_queries.importing.writing.tables import (
    NAMED_KINDS,
    TABLES,
    NamedKind,
    Table,
)
from authority_queries.repositories._sync.store import Store

_MOST_NAMES: Final = 5_000  # in one lookup
_ROOM: Final = 2  # brackets
_USAGE: Final = "license_usage"
_LOST_USER: Final = ("user", "the user was not imported")
# A user's sub is no machine's. A client and its service account may share a name.
_SHARING: Final[Mapping[NamedKind, tuple[NamedKind, ...]]] = {
    "user": ("client", "service_account"),
    "client": ("user",),
    "service_account": ("user",),
}


@dataclass(slots=True)
class Rows:
    """Rows of one table, as JSON objects, and the documents that they come from.

    `is_counted`: they are uses of licences that imported totals count.
    """

    objects: list[str] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    is_counted: bool = False

    def parts(self) -> Iterator["Rows"]:
        """Yield the rows in parts that one statement takes."""
        part, size = Rows(is_counted=self.is_counted), _ROOM
        for text, document in zip(self.objects, self.documents, strict=True):
            if size + len(text) > MAX_SIZE:
                yield part
                part, size = Rows(is_counted=self.is_counted), _ROOM
            part.objects.append(text)
            part.documents.append(document)
            size += len(text) + 1
        if part.objects:
            yield part

    def as_json(self) -> str:
        """Return the rows as a JSON array."""
        return f"[{','.join(self.objects)}]"


class Draft:
    """The rows of documents of one tenant. Each is refused whole, or all its rows are.

    `code` is the code of the tenant. `outcome` counts refused documents and dropped
    fields.
    """

    def __init__(self, code: str, outcome: Outcome) -> None:
        self._code = code
        self._outcome = outcome
        self._rows: dict[str, Rows] = defaultdict(Rows)
        self._counted = Rows(is_counted=True)
        self._ids: dict[tuple[NamedKind, str], UUID] = {}

    def fill(
        self, store: Store, tenant_id: UUID, documents: Sequence[Document]
    ) -> None:
        """Look up what the documents name, and add their rows."""
        stored = find_ids(store, tenant_id, _names_of(documents))
        for document in documents:
            try:
                self._add(document, stored)
            except RefusedError as error:
                self._outcome.refuse(document.id, str(error))

    def tables(self) -> Iterator[tuple[Table, Rows]]:
        """Yield the rows of each table, after those that they refer to."""
        for kind, table in TABLES.items():
            if kind in self._rows:
                yield table, self._rows[kind]
            if kind == _USAGE and self._counted.objects:
                yield table, self._counted

    def _add(self, document: Document, stored: Ids) -> None:
        planned: dict[tuple[NamedKind, str], UUID] = {}
        # First the stored rows: a system role has the same id for all documents.
        ids = ChainMap({**stored}, planned, self._ids)
        added: list[tuple[Rows, str]] = []
        lost = 0
        for entry in document.entries:
            if isinstance(entry, TenantEntry):
                continue
            self._plan(entry, ids, planned)
            row = row_of(entry, tenant=self._code, ids=ids)
            added.append((self._rows_of(entry), _sized(as_json(row))))
            if isinstance(entry, LoginAttemptEntry) and entry.user is not None:
                lost += row["user_id"] is None
        self._ids |= planned
        for rows, text in added:
            rows.objects.append(text)
            rows.documents.append(document)
        dropped = self._outcome.dropped
        dropped.update((each.field, each.reason) for each in document.dropped)
        dropped[_LOST_USER] += lost

    def _rows_of(self, entry: AnyEntry) -> Rows:
        if isinstance(entry, LicenseUsageEntry) and entry.is_counted:
            return self._counted
        return self._rows[entry.kind]

    def _plan(
        self,
        entry: AnyEntry,
        ids: Ids,
        planned: dict[tuple[NamedKind, str], UUID],
    ) -> None:
        """Note the id of a row that others name. Its name must be of one kind only."""
        named = name_of(entry)
        if named is None:
            return
        kind, name = named
        for other in _SHARING.get(kind, ()):
            if (other, name) in ids:
                what = other.replace("_", " ")
                message = f"its name is that of a {what} (RFC 9068 section 5)"
                raise RefusedError(message)
        row_id = id_of(entry, self._code)
        if row_id is not None:
            planned[named] = row_id


def find_ids(
    store: Store, tenant_id: UUID, names: Iterable[tuple[NamedKind, str]]
) -> Ids:
    """Return the ids of the stored rows with these natural keys."""
    found: dict[tuple[NamedKind, str], UUID] = {}
    remaining = iter(names)
    while some := [*islice(remaining, _MOST_NAMES)]:
        lists = {
            kind: [name for of, name in some if of == kind] for kind in NAMED_KINDS
        }
        rows = store.entries.find_named(
            tenant_id=tenant_id,
            users=lists["user"],
            clients=lists["client"],
            roles=lists["role"],
            service_accounts=lists["service_account"],
        )
        found |= {(cast(NamedKind, row.kind), row.name): row.id for row in rows}
    return found


def name_of(entry: AnyEntry) -> tuple[NamedKind, str] | None:
    """Return the kind and the natural key by which others name the entry, or None."""
    match entry:
        case UserEntry():
            return "user", entry.subject_id
        case ClientEntry():
            return "client", entry.client_id
        case RoleEntry():
            return "role", entry.name
        case ServiceAccountEntry():
            return "service_account", entry.account_id
        case _:
            return None


def _names_of(documents: Sequence[Document]) -> set[tuple[NamedKind, str]]:
    names: set[tuple[NamedKind, str]] = set()
    for document in documents:
        for entry in document.entries:
            names |= names_in(entry)
            if (named := name_of(entry)) is not None:
                kind, name = named
                names.update((other, name) for other in _SHARING.get(kind, ()))
    return names


def _sized(text: str) -> str:
    if len(text) + _ROOM > MAX_SIZE:
        message = "a row has more than 1 MiB"
        raise RefusedError(message)
    return text
