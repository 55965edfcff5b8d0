"""Token strings, user codes and passwords. Nothing here reaches a query raw."""

from authority_queries.secrets.passwords import (
    hash_password,
    password_needs_rehash,
    verify_password,
)
from authority_queries.secrets.request_uris import format_request_uri, parse_request_uri
from authority_queries.secrets.token_strings import (
    TokenKind,
    TokenString,
    contains_token,
    derive_token,
    mint_token,
    parse_token,
)
from authority_queries.secrets.user_codes import (
    hash_user_code,
    mint_user_code,
    normalize_user_code,
)

__all__ = [
    "TokenKind",
    "TokenString",
    "contains_token",
    "derive_token",
    "format_request_uri",
    "hash_password",
    "hash_user_code",
    "mint_token",
    "mint_user_code",
    "normalize_user_code",
    "parse_request_uri",
    "parse_token",
    "password_needs_rehash",
    "verify_password",
]
