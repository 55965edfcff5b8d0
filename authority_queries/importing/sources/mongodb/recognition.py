"""Recognizes the kind of a collection's documents."""

import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, get_args

from authority_queries.importing.sources.fields import normalized

# In the order in which documents refer to each other.
Content: TypeAlias = Literal[
    "roles", "scopes", "applications", "users", "authorizations", "tokens", "others"
]
CONTENTS: Final[tuple[Content, ...]] = get_args(Content)

_OPENIDDICT: Final[tuple[Content, ...]] = (
    "applications",
    "authorizations",
    "scopes",
    "tokens",
)
_PREFIX: Final = "openiddict"
_NO_LETTER: Final = re.compile("[^a-z]+")
# Fields that all documents of OpenIddict have, and those that only tokens have.
_MARK: Final = "concurrencytoken"
_OF_TOKENS: Final = {"expirationdate", "referenceid", "payload", "authorizationid"}


def recognize(name: str, fields: Iterable[str]) -> Content:
    """Return the content of a collection, from its name or the fields of a document."""
    letters = _NO_LETTER.sub("", name.lower())
    if letters.startswith(_PREFIX):
        known = (content for content in _OPENIDDICT if letters.endswith(content))
        return next(known, "others")  # such as its keys and sessions
    return _recognize_fields({normalized(field) for field in fields})


def _recognize_fields(found: set[str]) -> Content:
    if "normalizedusername" in found:
        return "users"
    if "normalizedname" in found:
        return "roles"
    if _MARK not in found:
        return "others"
    if "clientid" in found:
        return "applications"
    if "name" in found:
        return "scopes"
    return "tokens" if found & _OF_TOKENS else "authorizations"
