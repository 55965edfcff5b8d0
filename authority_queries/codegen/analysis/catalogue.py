"""The system catalogue: functions, operators, types, and the facts of columns."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import psycopg

from authority_queries.codegen.analysis.check_proofs import VALUE, Proof, Proofs
from authority_queries.codegen.analysis.query_tree import TEXT_TYPES, Node
from authority_queries.codegen.catalogue_file import CatalogueFile
from authority_queries.codegen.facts import Fact, Origin

_LIST: Final = Path(__file__).with_name("never_null.txt")
_QUERIES: Final = Path(__file__).with_name("catalogue.sql")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The sections of never_null.txt. A function that is not listed may return null."""

    of_values: frozenset[str]
    of_anything: frozenset[str]
    row_functions: frozenset[str]
    strict_aggregates: frozenset[str]
    aggregates: frozenset[str]
    window_functions: frozenset[str]


def _read_allowed() -> Allowed:
    """Read the list."""
    sections: dict[str, set[str]] = {}
    signatures: set[str] = set()
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            signatures = sections.setdefault(line.strip("[]"), set())
        elif line and not line.startswith("#"):
            signatures.add(line)
    return Allowed(
        of_values=frozenset(sections["when no argument is null"]),
        of_anything=frozenset(sections["not even of nulls"]),
        row_functions=frozenset(sections["rows that hold no null"]),
        strict_aggregates=frozenset(
            sections["aggregates of one row or more, none of them null"]
        ),
        aggregates=frozenset(sections["aggregates of one row or more"]),
        window_functions=frozenset(sections["window functions"]),
    )


@dataclass(frozen=True, slots=True)
class Function:
    """A function, an aggregate, or the function of an operator."""

    name: str
    signature: str
    is_builtin: bool
    is_strict: bool
    is_volatile: bool


class Catalogue:
    """The system catalogue of one database. Each part is read once."""

    def __init__(self, connection: psycopg.Connection[object]) -> None:
        self._connection = connection
        self._file = CatalogueFile(_QUERIES)
        self._read: dict[tuple[object, ...], list[Any]] = {}
        self._relations: dict[tuple[int, bool], dict[int, Fact]] = {}
        self._domains: dict[int, Fact] = {}
        self.allowed: Allowed = _read_allowed()

    def _rows(self, query: str, **parameters: object) -> list[Any]:
        key = (query, *parameters.items())
        if key not in self._read:
            self._read[key] = self._file.rows(self._connection, query, **parameters)
        return self._read[key]

    @cached_property
    def functions(self) -> dict[int, Function]:
        """Functions by oid."""
        return {row.oid: Function(*row[1:]) for row in self._rows("functions")}

    @cached_property
    def operators(self) -> dict[int, int]:
        """Oids of operators' functions, by the operators' oids."""
        return {row.oid: row.function_oid for row in self._rows("operators")}

    def function_of(self, operation: Node) -> int:
        """Return the oid of the function of a call or of an operator."""
        known = operation.number("funcid") or operation.number("opfuncid")
        if known:
            return known
        return self.operators[operation.number("opno")]

    def signature_of(self, operation: Node) -> str:
        """Return the signature of the function of a call or of an operator."""
        return self.functions[self.function_of(operation)].signature

    def compares_octets(self, operation: Node) -> bool:
        """Return whether its collation distinguishes all different texts."""
        return operation.number("inputcollid") not in self._tolerant_collations

    @cached_property
    def _tolerant_collations(self) -> frozenset[int]:
        return frozenset(row.oid for row in self._rows("tolerant_collations"))

    @cached_property
    def never_null(self) -> frozenset[int]:
        """Functions that return no null when no argument is null."""
        signatures = self.allowed.of_values | self.allowed.of_anything
        listed = {
            oid
            for oid, known in self.functions.items()
            if known.signature in signatures
        }
        return frozenset(
            listed
            | {row.oid for row in self._rows("comparison_functions")}
            | {row.oid for row in self._rows("aliases") if row.function_oid in listed}
        )

    @cached_property
    def array_types(self) -> frozenset[int]:
        """Types whose values are arrays."""
        return frozenset(row.oid for row in self._rows("array_types"))

    @cached_property
    def row_types(self) -> frozenset[int]:
        """Types whose values are rows, which FROM expands into columns."""
        return frozenset(row.oid for row in self._rows("row_types"))

    def column(self, relation: int, number: int, *, with_children: bool) -> Fact:
        """Return the facts that hold in all rows of a table's column."""
        key = (relation, with_children)
        if key not in self._relations:
            self._relations[key] = self._read_relation(
                relation=relation, with_children=with_children
            )
        return self._relations[key].get(number, Fact())

    def always_inserts(self, relation: int) -> bool:
        """Return whether every insert stores its row or raises an error."""
        (row,) = self._rows("writing", relation=relation)
        return bool(row.is_plain and not row.has_triggers)

    def keeps_what_is_written(self, relation: int) -> bool:
        """Return whether no trigger can change a row before it is stored."""
        (row,) = self._rows("writing", relation=relation)
        return not row.has_triggers

    def takes_null(self, relation: int, number: int) -> bool:
        """Return whether a null can be put into a column."""
        rows = self._rows("columns", relation=relation, with_children=False)
        refusing = {row.number for row in rows if row.refuses_null}
        return number not in refusing

    def plain_columns(self, relation: int) -> set[int]:
        """Return the columns of a table that are not generated from others."""
        rows = self._rows("columns", relation=relation, with_children=False)
        return {row.number for row in rows if not row.is_generated}

    def domain(self, type_oid: int) -> Fact:
        """Return the facts of a domain's values; its NOT NULL proves nothing."""
        if type_oid not in self._domains:
            proofs = Proofs(self)
            for row in self._rows("domain_checks", type=type_oid):
                proofs.add(row.tree)
            is_text = self._base_type(type_oid) in TEXT_TYPES
            self._domains[type_oid] = _fact(proofs.of(VALUE), is_text=is_text)
        return self._domains[type_oid]

    def _base_type(self, type_oid: int) -> int:
        (row,) = self._rows("base_type", type=type_oid)
        return int(row.oid)

    def _read_relation(self, **arguments: object) -> dict[int, Fact]:
        proofs = Proofs(self)
        for row in self._rows("table_checks", **arguments):
            proofs.add(row.tree)
        return {
            row.number: self._column(row, proofs)
            for row in self._rows("columns", **arguments)
        }

    def _column(self, row: Any, proofs: Proofs) -> Fact:  # noqa: ANN401 -- a row
        proof = proofs.of(row.number)
        domain = self.domain(row.type_oid)
        is_text = row.compares_octets and self._base_type(row.type_oid) in TEXT_TYPES
        fact = _fact(proof, is_text=is_text)
        values = domain.values if fact.values is None else fact.values
        return Fact(
            nullable=not (row.is_never_null or proof.not_null),
            values=values,
            origin=Origin(
                schema=row.schema_name,
                table=row.table_name,
                column=row.name,
                comment=row.comment or "",
            ),
            elements_nullable=fact.elements_nullable and domain.elements_nullable,
            json_kind=fact.json_kind or domain.json_kind,
            size=proof.size,
            rule=proof.rule,
        )


def _fact(proof: Proof, *, is_text: bool) -> Fact:
    return Fact(
        values=proof.values if is_text else None,
        elements_nullable=not proof.elements_not_null,
        json_kind=proof.json_kind if proof.json_kind in {"object", "array"} else None,
    )
