"""SQL-first storage of a multi-tenant OAuth 2.0 / OpenID Connect authority."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authority_queries._async.authority import AsyncAuthority
    from authority_queries._async.maintenance import AsyncMaintenance
    from authority_queries._async.store import AsyncStore
    from authority_queries._sync.authority import Authority
    from authority_queries._sync.maintenance import Maintenance
    from authority_queries._sync.store import Store
    from authority_queries.confirmation import is_confirmed
    from authority_queries.errors import AuthorityError
    from authority_queries.issuing import NewToken
    from authority_queries.migrations import migrate
    from authority_queries.names import username_key
    from authority_queries.pruning import Retention
    from authority_queries.secrets import (
        convert_keycloak_hash,
        convert_password_hash,
        hash_client_secret,
        hash_password,
        mint_token,
        parse_token,
        password_needs_rehash,
        verify_client_secret,
        verify_password,
    )
    from authority_queries.settings import Settings

__all__ = [
    "AsyncAuthority",
    "AsyncMaintenance",
    "AsyncStore",
    "Authority",
    "AuthorityError",
    "Maintenance",
    "NewToken",
    "Retention",
    "Settings",
    "Store",
    "convert_keycloak_hash",
    "convert_password_hash",
    "hash_client_secret",
    "hash_password",
    "is_confirmed",
    "migrate",
    "mint_token",
    "parse_token",
    "password_needs_rehash",
    "username_key",
    "verify_client_secret",
    "verify_password",
]

# Imported when they are asked for: the generator has to run when the modules that it
# generates do not fit the SQL files any more, and so cannot be imported.
_HOMES = {
    "AsyncAuthority": "_async.authority",
    "AsyncMaintenance": "_async.maintenance",
    "AsyncStore": "_async.store",
    "Authority": "_sync.authority",
    "AuthorityError": "errors",
    "Maintenance": "_sync.maintenance",
    "NewToken": "issuing",
    "Retention": "pruning",
    "Settings": "settings",
    "Store": "_sync.store",
    "is_confirmed": "confirmation",
    "migrate": "migrations",
    "username_key": "names",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    home = import_module(f"{__name__}.{_HOMES.get(name, 'secrets')}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value
