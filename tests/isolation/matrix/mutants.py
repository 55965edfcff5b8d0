"""Queries without one of their tenant's predicates, or without all."""

import re
from collections.abc import Iterator
from typing import Final

from authority_queries.codegen.query import Query

# `users.tenant_id = :tenant_id`, and `tenants.id = :tenant_id` of the table itself.
BOUND: Final = re.compile(r"\b\w+\.(?:tenant_id|id) = %\(tenant_id\)s")
# `users.tenant_id = user_roles.tenant_id`.
JOINED: Final = re.compile(
    r"\b\w+\.(?:tenant_id|id) = \w+\.tenant_id\b|\b\w+\.tenant_id = \w+\.id\b"
)


def without_one(query: Query) -> Iterator[tuple[str, str]]:
    """Yield each predicate, numbered in the query, and the text without it."""
    for predicate in (BOUND, JOINED):
        for number, match in enumerate(predicate.finditer(query.sql), start=1):
            name = match[0].replace("%(tenant_id)s", ":tenant_id")
            text = f"{query.sql[: match.start()]}true{query.sql[match.end() :]}"
            yield f"{name} ({number})", text


def without_all(query: Query) -> Iterator[tuple[str, str]]:
    """Return the text without any predicate on the tenant, if it had one."""
    if BOUND.search(query.sql):
        yield "bound to no tenant", BOUND.sub("true", query.sql)
