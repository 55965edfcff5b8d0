"""Names of roles: those of other stores have capitals and spaces, ours have not."""

import hashlib
import re
from typing import Final

from authority_queries.importing.conversions import text

# A role of the application must not become the role of the authority with its name.
_OF_THE_AUTHORITY: Final = ("admin", "operator", "auditor")
_PLAIN: Final = re.compile(r"[a-z][a-z0-9_.:-]{0,80}")
_MOST_KEPT: Final = 80


def role_name(value: object) -> str:
    """Return the name of a role here: `Power User` becomes `power-user`.

    - The names of the authority's own roles get a prefix: `imported:admin`.
    - A name with other characters than ASCII letters, digits and `_.:-` gets a suffix,
      so that no two names become one.
    """
    original = text(value).strip().lower()
    name = original.replace(" ", "-")
    if not _PLAIN.fullmatch(name):
        digest = hashlib.sha256(original.encode("utf-8", "replace")).hexdigest()[:12]
        kept = re.sub(r"[^a-z0-9_.:-]+", "-", name).strip("-")[:_MOST_KEPT]
        name = f"role-{kept}-{digest}" if kept else f"role-{digest}"
    return imported_role(name)


def imported_role(name: str) -> str:
    """Return the name of an application's role: not that of a role of the authority."""
    return f"imported:{name}" if name in _OF_THE_AUTHORITY else name
