"""Token strings, user codes and passwords. Nothing here reaches a query raw."""

from authority_queries.secrets.client_secrets import (
    hash_client_secret,
    verify_client_secret,
)
from authority_queries.secrets.imported_hashes import (
    convert_keycloak_hash,
    convert_password_hash,
)
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
    "convert_keycloak_hash",
    "convert_password_hash",
    "derive_token",
    "format_request_uri",
    "hash_client_secret",
    "hash_password",
    "hash_user_code",
    "mint_token",
    "mint_user_code",
    "normalize_user_code",
    "parse_request_uri",
    "parse_token",
    "password_needs_rehash",
    "verify_client_secret",
    "verify_password",
]
