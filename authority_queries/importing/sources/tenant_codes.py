"""Codes of tenants, and the scopes that each tenant has."""

import re
from typing import Final

SYSTEM_SCOPES: Final = frozenset(
    {"openid", "profile", "email", "address", "phone", "offline_access"}
)
_MOST: Final = 63


def tenant_code(name: str) -> str:
    """Return a name as the code of a tenant: a DNS label. It may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MOST].strip("-")
