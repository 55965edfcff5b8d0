"""A plan as a tree of nodes, without details that differ between machines or months.

It has no costs and no numbers of rows. `$1` has its parameter's name, and a partition
has its partitioned table's: partitions that are read in the same way are one node.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from authority_queries.codegen.plans.condition_text import (
    SESSION_TENANT,
    clauses_of,
    with_names,
)
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
    """A node. `title` is its line in EXPLAIN's text format, without figures.

    `table` is schema and name, and only of a node that reads a table. A detail is a
    name of EXPLAIN's, such as Index Cond, with its clauses, which must all hold.

    `relationship` is that to the node above (Outer, Inner, InitPlan), `join` the kind
    of join, `subplan` the name of a subplan. `session_tenant` is the expression by
    which other nodes refer to the value of a node that reads the session's tenant, as a
    policy does. `output` is the expressions of each row.
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
        """Return the clauses of a detail, none when the node does not have it."""
        return dict(self.details).get(name, ())

    def walk(self) -> Iterator["PlanNode"]:
        """Return the node and all nodes below it, from the top."""
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
        """Read a node; `schema` is the schema of the table whose index it may read."""
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
        return [self._text(str(text)) for text in texts]

    def _text(self, text: str) -> str:
        for expression in self.layout.session_tenants:
            text = text.replace(expression, SESSION_TENANT)
        return with_names(text, self.parameters, self.aliases)


def _partitions_once(children: Sequence[PlanNode]) -> Iterator[PlanNode]:
    seen: set[PlanNode] = set()
    for child in children:
        if not child.is_partition or child not in seen:
            yield child
        seen.add(child)
