"""SQL-first storage of a multi-tenant OAuth 2.0 / OpenID Connect authority."""

from authority_queries._async.authority import AsyncAuthority
from authority_queries._async.store import AsyncStore
from authority_queries._sync.authority import Authority
from authority_queries._sync.store import Store
from authority_queries.errors import AuthorityError
from authority_queries.migrations import migrate
from authority_queries.secrets import (
    hash_password,
    mint_token,
    parse_token,
    password_needs_rehash,
    verify_password,
)
from authority_queries.settings import Settings

__all__ = [
    "AsyncAuthority",
    "AsyncStore",
    "Authority",
    "AuthorityError",
    "Settings",
    "Store",
    "hash_password",
    "migrate",
    "mint_token",
    "parse_token",
    "password_needs_rehash",
    "verify_password",
]
