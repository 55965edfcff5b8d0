"""INSERT, UPDATE, DELETE and MERGE with RETURNING."""
# ruff: noqa: S608 -- this module makes SQL, and no input gets into it.

from dataclasses import replace
from typing import Final

from tests.fuzz.draft import Draft, Scope, Shaped, Source
from tests.fuzz.expressions import predicate
from tests.fuzz.joins import from_clause, from_item
from tests.fuzz.sources import source_of
from tests.fuzz.world import Relation
from tests.fuzz.writing import (
    assignments,
    on_conflict,
    returning,
    rows,
    values,
    written,
)

_WRITABLE_VIEWS: Final = ("fuzz.open_people", "fuzz.desk")


def write(draft: Draft) -> Shaped:
    """Draw a statement that writes and returns."""
    makers = [(5, insert), (3, update), (2, delete)]
    if draft.world.version >= 17:
        makers.append((3, merge))
    return draft.weighted(makers)(draft)


def insert(draft: Draft) -> Shaped:
    """Draw an INSERT of values, of a query, or of defaults, with ON CONFLICT."""
    target, source = _target(draft)
    head = f"insert into {target.name} as {source.alias}"
    if target.name == "fuzz.logs" and draft.chance(0.4):
        body = " default values"
    else:
        columns = written(draft, target)
        names = ", ".join(column.name for column in columns)
        body = f" ({names}) {rows(draft, target, columns)}"
    conflict = ""
    if draft.chance(0.5) and target.is_table:
        conflict = on_conflict(draft, target, source)
    scope = Scope(columns=source.qualified, sources=(source,))
    return returning(draft, f"{head}{body}{conflict}", scope, source)


def update(draft: Draft) -> Shaped:
    """Draw an UPDATE, with FROM or without."""
    target, source = _target(draft)
    own = Scope(columns=source.qualified, sources=(source,))
    scope, items = own, ""
    if draft.chance(0.5):
        text, other = from_clause(draft, None)
        items = f" from {text}"
        scope = _both(own, other)
    changes = assignments(draft, target, scope)
    where = f" where {_match(draft, source, scope)}" if draft.chance(0.8) else ""
    head = f"update {target.name} as {source.alias} set {changes}{items}{where}"
    return returning(draft, head, scope, source)


def delete(draft: Draft) -> Shaped:
    """Draw a DELETE, with USING or without."""
    target, source = _target(draft)
    own = Scope(columns=source.qualified, sources=(source,))
    scope, items = own, ""
    if draft.chance(0.5):
        text, other = from_clause(draft, None)
        items = f" using {text}"
        scope = _both(own, other)
    where = f" where {_match(draft, source, scope)}" if draft.chance(0.8) else ""
    head = f"delete from {target.name} as {source.alias}{items}{where}"
    return returning(draft, head, scope, source)


def merge(draft: Draft) -> Shaped:
    """Draw a MERGE with one to three branches."""
    target, source = _target(draft)
    own = Scope(columns=source.qualified, sources=(source,))
    item = from_item(draft, None, draft.choose((0, 0, 1)))
    other = Scope(columns=item.columns, sources=item.sources)
    both = _both(own, other)
    branches = [
        _branch(draft, target, kind, scope)
        for kind, scope in (
            ("matched", both),
            ("not matched by source", own),
            ("not matched", other),
        )
        if draft.chance(0.65)
    ] or ["when matched then delete"]
    condition = _match(draft, source, both)
    head = f"merge into {target.name} as {source.alias} using {item.sql} on {condition}"
    return returning(draft, f"{head} {' '.join(branches)}", both, source, merged=True)


def _branch(draft: Draft, target: Relation, kind: str, scope: Scope) -> str:
    condition = f" and {predicate(draft, scope, 1)}" if draft.chance(0.4) else ""
    if kind == "not matched":
        columns = written(draft, target)
        names = ", ".join(column.name for column in columns)
        action = f"insert ({names}) values ({values(draft, target, columns, scope)})"
    else:
        update = f"update set {assignments(draft, target, scope)}"
        action = draft.choose((update, update, "delete", "do nothing"))
    return f"when {kind}{condition} then {action}"


def _target(draft: Draft) -> tuple[Relation, Source]:
    choice = [
        relation
        for relation in draft.world.relations
        if relation.is_table or relation.name in _WRITABLE_VIEWS
    ]
    target = draft.choose(choice)
    return target, source_of(target, draft.name("t"))


def _both(own: Scope, other: Scope) -> Scope:
    names = {column.sql.partition(".")[2] for column in own.columns}
    columns = tuple(c for c in other.columns if c.sql not in names)
    return replace(
        own, columns=own.columns + columns, sources=own.sources + other.sources
    )


def _match(draft: Draft, source: Source, scope: Scope) -> str:
    pairs = [
        (own.sql, other.sql)
        for own in source.qualified
        for other in scope.columns
        if own.type == other.type and own.sql.split(".")[0] != other.sql.split(".")[0]
    ]
    if pairs and draft.chance(0.7):
        return " = ".join(draft.choose(pairs))
    return predicate(draft, scope, 1)
