"""The shapes of tables, for the importer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from authority_queries.importing.entries import Entry

# The kinds that other entries name by natural keys. Entries name all others by `id`.
NamedKind: TypeAlias = Literal["user", "client", "role", "service_account"]
NAMED_KINDS: Final[tuple[NamedKind, ...]] = get_args(NamedKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A field that names a row of another kind, and the column with the row's id.

    The field has the natural key of the row if `kind` is set, a list of them for
    `authorized_clients`. Otherwise it has the id itself. If the row of an optional
    reference is missing, the field is dropped; otherwise the document is refused.
    """

    field: str
    column: str
    kind: NamedKind | None = None
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of one kind of entry. Each column that is not named here is a field.

    - `key`: the columns that with tenant_id identify a row. They are a unique key.
    - `names`: the fields from which an id is derived if the entry has none.
    - `fixed`: the columns in which a stored row with the same key must agree with the
      entry. Otherwise it is another row: its document is refused, so that nothing is
      added to the account of somebody else.
    - `computed`: columns that `rows` computes from the entry.
    - `marks`: fields that are no columns.
    """

    entry: type[Entry]
    name: str
    key: tuple[str, ...]
    names: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    fixed: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the entries."""
        return str(self.entry.model_fields["kind"].default)

    @property
    def fields(self) -> Mapping[str, str]:
        """The column of each field."""
        renamed = {each.field: each.column for each in self.references}
        return {
            field: renamed.get(field, field)
            for field in self.entry.model_fields
            if field not in ("kind", *self.marks)
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that an import writes, besides tenant_id."""
        return (*self.fields.values(), *self.computed)
