"""A plan as a tree of nodes, without what differs from one machine or month to another.

Costs and numbers of rows are left out, `$1` has its parameter's name, and a partition
has the name of its partitioned table: partitions that are read alike are one node.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from authority_queries.codegen.plans.condition_text import clauses_of, with_names
from authority_queries.codegen.plans.explained import (
    CONDITIONS,
    DETAILS,
    RawNode,
    children_of,
    relation_of,
    title_of,
    walk,
    word,
)
from authority_queries.codegen.plans.layout import PlanLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNode:
    """A node. `title` is its line in EXPLAIN's text form, without the figures.

    `table` is schema and name, and only of a node that reads a table. A detail is a
    word of EXPLAIN's, such as Index Cond, with its clauses: all of them must hold.

    `relationship` is what the node is to the one above (Outer, Inner, InitPlan), `join`
    which join it is, `subplan` its name if it is one. `session_tenant` is how other
    nodes refer to the value of a node that asks for the tenant that the session works
    for, as a policy does. `output` is what each row has.
    """

    kind: str
    relationship: str
    join: str
    subplan: str
    session_tenant: str | None
    title: str
    table: str | None
    alias: str
    index: str | None
    is_partition: bool
    details: tuple[tuple[str, tuple[str, ...]], ...]
    children: tuple["PlanNode", ...]
    output: tuple[str, ...]

    def detail(self, name: str) -> tuple[str, ...]:
        """Give the clauses of a detail, none when the node does not have it."""
        return dict(self.details).get(name, ())

    def walk(self) -> Iterator["PlanNode"]:
        """Give the node and all nodes below it, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_plan(plan: RawNode, layout: PlanLayout, parameters: Sequence[str]) -> PlanNode:
    """Read the Plan of EXPLAIN (VERBOSE, FORMAT JSON); `parameters[0]` is `$1`."""
    aliases = {
        word(node, "Alias"): re.sub(r"_\d+$", "", word(node, "Alias"))
        for node in walk(plan)
        if relation_of(node) in layout.partitions
    }
    return _Reader(layout, parameters, aliases).read(plan, "")


@dataclass(frozen=True, slots=True)
class _Reader:
    layout: PlanLayout
    parameters: Sequence[str]
    aliases: Mapping[str, str]

    def read(self, node: RawNode, schema: str) -> PlanNode:
        """Read a node; `schema` is that of the table whose index it may read."""
        schema = word(node, "Schema") or schema
        children = [self.read(child, schema) for child in children_of(node)]
        root = self.layout.partitions.get(relation_of(node))
        table = root or relation_of(node) or None
        alias = self.aliases.get(word(node, "Alias"), word(node, "Alias"))
        index = self._index(node, schema)
        return PlanNode(
            kind=word(node, "Node Type"),
            relationship=word(node, "Parent Relationship"),
            join=word(node, "Join Type"),
            subplan=word(node, "Subplan Name"),
            session_tenant=self._session_tenant(node),
            title=title_of(node, table, alias, index, is_partition=bool(root)),
            table=None if node["Node Type"] == "ModifyTable" else table,
            alias=alias,
            index=index,
            is_partition=bool(root) or any(child.is_partition for child in children),
            details=tuple(self._details(node)),
            children=tuple(_partitions_once(children)),
            output=tuple(self._texts(node, "Output")),
        )

    def _session_tenant(self, node: RawNode) -> str | None:
        if node.keys().isdisjoint({"Plans", *CONDITIONS}):
            match node:
                case {
                    "Node Type": "Result",
                    "Subplan Name": str(name),
                    "Output": [output],
                } if (
                    name.startswith("InitPlan")
                    and output in self.layout.session_tenants
                ):
                    return f"({name}).col1"
        return None

    def _index(self, node: RawNode, schema: str) -> str | None:
        name = word(node, "Index Name")
        root = self.layout.partitions.get(f"{schema}.{name}")
        return root.removeprefix(f"{schema}.") if root else name or None

    def _details(self, node: RawNode) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name in DETAILS:
            clauses = self._texts(node, name)
            if name in CONDITIONS:
                clauses = [part for text in clauses for part in clauses_of(text)]
            if clauses:
                yield name, tuple(clauses)

    def _texts(self, node: RawNode, name: str) -> list[str]:
        value = node.get(name, [])
        texts = value if isinstance(value, list) else [value]
        return [with_names(str(text), self.parameters, self.aliases) for text in texts]


def _partitions_once(children: Sequence[PlanNode]) -> Iterator[PlanNode]:
    seen: set[PlanNode] = set()
    for child in children:
        if not child.is_partition or child not in seen:
            yield child
        seen.add(child)
