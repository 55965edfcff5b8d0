"""Passwords: hashed with Argon2id, verified also against other systems' hashes."""

import base64
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.low_level import ARGON2_VERSION

from authority_queries.credentials.password_hashes import parse_password_hash
from authority_queries.errors import InvalidArgumentError

_hasher: Final = PasswordHasher()
_MOST_OCTETS: Final = 4096


def hash_password(password: str) -> str:
    """Hash a password or chosen client secret with Argon2id: a PHC string.

    Salt and parameters are part of it. Takes tens of milliseconds, by purpose. Raises
    InvalidArgumentError for a password of more than 4096 octets.
    """
    octets = _octets(password)
    if len(octets) > _MOST_OCTETS:
        message = f"password has more than {_MOST_OCTETS} octets"
        raise InvalidArgumentError(message, argument="password")
    return _hasher.hash(octets)


def verify_password(
    password_hash: str | None, password: str, *, imported: str | None = None
) -> bool:
    """Tell whether the password is the one that was hashed.

    None (no such user, or one without a password), a hash that may not be stored and a
    hash of another system are verified as slowly as one of `hash_password`, so that
    the time does not tell one from another. While users have hashes of a system that
    is slower, `imported` is any one of its hashes: each call then takes as long as
    both together. bcrypt reads the first 72 octets of a password, wherever it runs.
    """
    octets = _octets(password)
    is_too_long = len(octets) > _MOST_OCTETS
    octets = octets[:_MOST_OCTETS]
    stored = parse_password_hash(password_hash)
    is_right = stored is not None and stored.verify(octets)
    done = {stored.cost} if stored else set()
    for decoy in map(parse_password_hash, (_NOBODYS_HASH, imported)):
        if decoy is not None and decoy.cost not in done:
            decoy.verify(octets)
            done.add(decoy.cost)
    return is_right and not is_too_long


def password_needs_rehash(password_hash: str) -> bool:
    """Tell whether the hash is another system's, or has weaker parameters than today's.

    Asked after a successful `verify_password`, when the password is at hand.
    """
    stored = parse_password_hash(password_hash)
    is_argon2id = stored is not None and stored.cost.startswith("$argon2id$")
    return not is_argon2id or _hasher.check_needs_rehash(password_hash)


def _octets(password: str) -> bytes:
    """Encode what JSON may bring, half characters too.

    UTF-8 refuses those by an error whose repr is the password.
    """
    return password.encode("utf-8", "surrogatepass")


def _nobodys_hash() -> str:
    """Make a hash that no password has, which takes as long to verify as a real one."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode("ascii").rstrip("=")
        for length in (_hasher.salt_len, _hasher.hash_len)
    )
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


_NOBODYS_HASH: Final = _nobodys_hash()
