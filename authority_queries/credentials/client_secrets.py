"""Client secrets: those that were minted are fast to check, chosen ones are slow."""

import hashlib
import hmac

from authority_queries.credentials.password_hashes import encode
from authority_queries.credentials.passwords import hash_password, verify_password
from authority_queries.errors import InvalidTokenError
from authority_queries.secrets.token_strings import parse_token

_PREFIX = "$sha256$"


def hash_client_secret(secret: str) -> str:
    """Give what the store keeps of a client secret.

    SHA-256 of one that `mint_token` made: nobody guesses its 256 bits, and Argon2
    would cost each token request tens of milliseconds. Argon2id of one that a person
    chose, or that comes from elsewhere. Raises InvalidArgumentError.
    """
    try:
        parse_token(secret, kind="client_secret")
    except InvalidTokenError:
        return hash_password(secret)
    return _digest(secret)


def verify_client_secret(secret_hash: str | None, secret: str) -> bool:
    """Tell whether the secret is the one that was hashed, in constant time.

    Of a hash of another system, or of None, as `verify_password` does.
    """
    if secret_hash is not None and secret_hash.startswith(_PREFIX):
        found = _digest(secret).encode("ascii")
        return hmac.compare_digest(found, secret_hash.encode("utf-8", "replace"))
    return verify_password(secret_hash, secret)


def _digest(secret: str) -> str:
    octets = secret.encode("utf-8", "surrogatepass")
    return f"{_PREFIX}{encode(hashlib.sha256(octets).digest())}"
