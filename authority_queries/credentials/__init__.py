"""Hashes of passwords and client secrets, also imported ones, and TOTP secrets."""

from authority_queries.credentials.client_secrets import (
    hash_client_secret,
    verify_client_secret,
)
from authority_queries.credentials.imported_hashes import (
    convert_keycloak_hash,
    convert_password_hash,
)
from authority_queries.credentials.passwords import (
    hash_password,
    password_needs_rehash,
    verify_password,
)
from authority_queries.credentials.totp import TotpSecret, mint_totp_secret

__all__ = [
    "TotpSecret",
    "convert_keycloak_hash",
    "convert_password_hash",
    "hash_client_secret",
    "hash_password",
    "mint_totp_secret",
    "password_needs_rehash",
    "verify_client_secret",
    "verify_password",
]
