"""Secret strings: tokens, user, one-time and recovery codes, request URIs, PKCE."""

from authority_queries.secrets.authorization_requests import (
    code_challenge_of,
    format_request_uri,
    parse_request_uri,
)
from authority_queries.secrets.foreign_strings import (
    parse_foreign_token,
    tag_foreign_hash,
)
from authority_queries.secrets.one_time_codes import (
    hash_one_time_code,
    mint_one_time_code,
    normalize_one_time_code,
)
from authority_queries.secrets.recovery_codes import (
    hash_recovery_code,
    mint_recovery_codes,
)
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
    "code_challenge_of",
    "contains_token",
    "derive_token",
    "format_request_uri",
    "hash_one_time_code",
    "hash_recovery_code",
    "hash_user_code",
    "mint_one_time_code",
    "mint_recovery_codes",
    "mint_token",
    "mint_user_code",
    "normalize_one_time_code",
    "normalize_user_code",
    "parse_foreign_token",
    "parse_request_uri",
    "parse_token",
    "tag_foreign_hash",
]
