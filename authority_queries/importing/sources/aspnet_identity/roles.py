"""Roles of ASP.NET Core Identity."""

from collections.abc import Iterator
from typing import Final

from authority_queries.importing.conversions import text
from authority_queries.importing.entries import AnyEntry, RoleEntry
from authority_queries.importing.sources.fields import Fields, uuid_of
from authority_queries.importing.sources.role_names import role_name

_CLAIM: Final = "a role has permissions of the authority's catalogue, and no claims"


def convert_role(fields: Fields) -> Iterator[AnyEntry]:
    """Convert a role. `claims` is a list of its claims.

    If its name changes (`role_name`), its description is the name that it had.
    """
    key = fields.need("id", text)
    fields.drop("each store has its own lock", "concurrencystamp")
    fields.drop("the key is computed from the name", "normalizedname")
    fields.drop(_CLAIM, "claims")
    original = fields.need("name", text)
    name = role_name(original)
    before = "" if name == original else original
    yield RoleEntry(
        id=uuid_of(key),
        name=name,
        description=fields.take("description", text, before),
    )
