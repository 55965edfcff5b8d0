"""Hashes client secrets: minted ones with SHA-256, chosen ones with Argon2id."""

import hashlib
import hmac
import re
from typing import Final

from authority_queries.credentials.password_hashes import encode
from authority_queries.credentials.passwords import hash_password, verify_password
from authority_queries.errors import InvalidTokenError
from authority_queries.secrets.token_strings import parse_token

_PREFIX: Final = "$sha256$"
# The format that client_secrets_secret_hash_check allows beside password hashes.
_DIGEST: Final = re.compile(r"\$sha256\$[A-Za-z0-9+/]{43}")


def hash_client_secret(secret: str) -> str:
    """Return the hash of a client secret that the store keeps.

    A secret of `mint_token` is hashed with SHA-256: its 256 bits cannot be guessed, and
    Argon2 would add tens of milliseconds to each token request. Any other secret is
    hashed with Argon2id. Raises InvalidArgumentError.
    """
    try:
        parse_token(secret, kind="client_secret")
    except InvalidTokenError:
        return hash_password(secret)
    return _digest(secret)


def verify_client_secret(secret_hash: str | None, secret: str) -> bool:
    """Return whether the secret matches the hash. Compares in constant time.

    A hash of another system and None are treated as by `verify_password`.
    """
    if secret_hash is not None and secret_hash.startswith(_PREFIX):
        found = _digest(secret).encode("ascii")
        return hmac.compare_digest(found, secret_hash.encode("utf-8", "replace"))
    return verify_password(secret_hash, secret)


def is_minted_secret_hash(secret_hash: str) -> bool:
    """Return whether this is the hash of a secret of `mint_token`."""
    return _DIGEST.fullmatch(secret_hash) is not None


def _digest(secret: str) -> str:
    octets = secret.encode("utf-8", "surrogatepass")
    return f"{_PREFIX}{encode(hashlib.sha256(octets).digest())}"
