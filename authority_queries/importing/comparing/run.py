"""One comparison: reads the source once, and the rows here in batches."""

from collections import defaultdict
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

from authority_queries.importing.comparing.fields import find_gaps
from authority_queries.importing.comparing.judging import Judge
from authority_queries.importing.comparing.keys import KeyBook
from authority_queries.importing.comparing.lookups import Rows
from authority_queries.importing.comparing.results import Example, RowCount
from authority_queries.importing.comparing.rows import Key, ReadBack, key_of
from authority_queries.importing.comparing.sampling import Sample
from authority_queries.importing.comparing.tally import Tally
from authority_queries.importing.documents import Document, Source
from authority_queries.importing.entries import AnyEntry, TenantEntry
from authority_queries.importing.writing.tables import TABLES
from authority_queries.service.tenant_dumps import MoveProgress

_BATCH: Final = 1000  # entries that wait for their rows
_PROGRESS: Final = 1000  # documents


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """The extent of a comparison.

    - `tenant`: the code of a tenant. Documents of other tenants are skipped, and those
      that name none belong to it.
    - `sample`: of how many random documents of each collection every field is compared.
      None: of all. The keys of all documents are compared in any case.
    - `seed`: chooses the sample: the same seed, the same documents.
    - `in_use_since`: when the last import had ended, if this authority has been in use
      since: rows that were created, changed or used here later are explained. None:
      they are differences.
    - `refused`: the collections and ids of documents that the import refused.
    """

    tenant: str | None = None
    sample: int | None = 1000
    seed: str = ""
    in_use_since: datetime | None = None
    refused: Container[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: AnyEntry
    key: Key
    document: tuple[str, str]  # collection and id


class Run:
    """Compares a source with the rows. Its memory does not grow with either."""

    def __init__(
        self,
        rows: Rows,
        keys: KeyBook,
        options: CompareOptions,
        judge: Judge,
        progress: Callable[[MoveProgress], object] | None,
    ) -> None:
        self.tally = Tally()
        self._rows = rows
        self._keys = keys
        self._options = options
        self._judge = judge
        self._progress = progress
        self._groups: dict[tuple[str, str], int] = {}  # of tenant and kind
        self._waiting: defaultdict[tuple[str, str], list[_Waiting]] = defaultdict(list)
        self._waits = 0

    def read(self, source: Source) -> None:
        """Read all documents, note their keys, and compare fields."""
        for collection in source.collections():
            began, documents = monotonic(), 0
            sample = self._sample(collection.name)
            for document in source.read(collection.name):
                documents += 1
                self._take(collection.name, document, sample)
                if documents % _PROGRESS == 0:
                    self._report(collection.name, documents, began, "unfinished")
            for document in sample or ():
                self._compare(collection.name, document)
            self._flush()
            self._report(collection.name, documents, began, "done")

    def match(self) -> list[RowCount]:
        """Compare the keys of all rows, and return the counts."""
        tenants = dict.fromkeys(tenant for tenant, _ in self._groups)
        for tenant in tenants:
            self._list(tenant)
        missing: dict[int, int] = defaultdict(int)
        only_here: dict[int, int] = defaultdict(int)
        names = {group: name for name, group in self._groups.items()}
        for each in self._keys.unmatched():
            tenant, kind = names[each.group]
            (only_here if each.is_here else missing)[each.group] += 1
            self.tally.add(
                "only here" if each.is_here else "missing here",
                kind,
                Example(tenant=tenant, document=each.label),
                rule=each.rule,
            )
        return [
            RowCount(
                tenant=tenant,
                kind=kind,
                source=self._keys.source_counts[group],
                here=self._keys.here_counts[group],
                missing=missing[group],
                only_here=only_here[group],
            )
            for (tenant, kind), group in sorted(self._groups.items())
            if self._keys.source_counts[group] or self._keys.here_counts[group]
        ]

    def _sample(self, collection: str) -> Sample | None:
        size = self._options.sample
        if size is None:
            return None
        return Sample(size, seed=self._options.seed, collection=collection)

    def _take(self, collection: str, document: Document, sample: Sample | None) -> None:
        tenant = self._tenant_of(document)
        if self._options.tenant not in (None, tenant):
            return
        self.tally.add_document(collection, tenant or "", document)
        if tenant is None:
            return
        place = (collection, document.id)
        for entry in document.entries:
            key = key_of(entry, tenant)
            if key is not None:
                group = self._group(tenant, entry.kind)
                rule = self._judge.explain_missing(entry, place)
                self._keys.note_source(group, key, " ".join(place), rule)
        if sample is None:
            self._compare(collection, document)
        elif document.entries:
            sample.offer(document)

    def _tenant_of(self, document: Document) -> str | None:
        own = (each for each in document.entries if isinstance(each, TenantEntry))
        code = next((entry.code for entry in own), document.tenant)
        return code or self._options.tenant

    def _compare(self, collection: str, document: Document) -> None:
        tenant = self._tenant_of(document)
        if tenant is None or not document.entries:
            return
        self.tally.add_compared(collection, tenant)
        for entry in document.entries:
            key = key_of(entry, tenant)
            if key is not None:
                waiting = _Waiting(entry, key, (collection, document.id))
                self._waiting[tenant, entry.kind].append(waiting)
                self._waits += 1
        if self._waits >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        for (tenant, kind), waiting in self._waiting.items():
            keys = [each.key for each in waiting]
            found = self._rows.read(tenant, TABLES[kind], keys)
            for each, here in zip(waiting, found, strict=True):
                if here is not None:  # `match` finds missing rows
                    self._add_gaps(tenant, each, here)
        self._waiting.clear()
        self._waits = 0

    def _add_gaps(self, tenant: str, each: _Waiting, here: ReadBack) -> None:
        for gap in find_gaps(each.entry, here, tenant):
            self.tally.add(
                "differs",
                each.entry.kind,
                Example(
                    tenant=tenant,
                    document=" ".join(each.document),
                    source=gap.source,
                    here=gap.here,
                ),
                field=gap.field,
                rule=self._judge.explain_field(
                    gap.field, each.entry, here, each.document
                ),
            )

    def _group(self, tenant: str, kind: str) -> int:
        return self._groups.setdefault((tenant, kind), len(self._groups))

    def _list(self, tenant: str) -> None:
        """Note the keys of all rows of a tenant. Roles precede their permissions."""
        system_roles = set()
        for kind in TABLES:
            began, listed = monotonic(), 0
            group = self._group(tenant, kind)
            for row in self._rows.list_keys(tenant, kind):
                listed += 1
                if kind == "role" and row.is_system:
                    system_roles.add(row.key[0])
                is_system = row.is_system or (
                    kind == "role_permission" and row.key[0] in system_roles
                )
                rule = self._judge.explain_extra(kind, row, is_system=is_system)
                self._keys.note_here(group, row.key, row.label, rule)
            if listed:
                self._report(f"{tenant} {kind} here", listed, began, "done")

    def _report(self, step: str, rows: int, began: float, outcome: str) -> None:
        if self._progress is not None:
            progress = MoveProgress(
                step=step,
                rows=rows,
                batches=-(-rows // _PROGRESS),
                seconds=monotonic() - began,
                outcome="done" if outcome == "done" else "unfinished",
            )
            self._progress(progress)
