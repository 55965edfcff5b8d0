"""Hashes passwords with Argon2id, and verifies them also against imported hashes."""

import base64
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.low_level import ARGON2_VERSION

from authority_queries.credentials.password_hashes import parse_password_hash
from authority_queries.errors import InvalidArgumentError

_hasher: Final = PasswordHasher()  # its arguments are the cost of new hashes
_MOST_OCTETS: Final = 4096


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password or chosen client secret, a PHC string.

    The string contains salt and parameters. Hashing takes tens of milliseconds, on
    purpose. Raises InvalidArgumentError for a password of more than 4096 octets.
    """
    octets = _octets(password)
    if len(octets) > _MOST_OCTETS:
        message = f"password must have at most {_MOST_OCTETS} octets"
        raise InvalidArgumentError(message, argument="password")
    return _hasher.hash(octets)


def verify_password(
    password_hash: str | None, password: str, *, imported: str | None = None
) -> bool:
    """Return whether the password matches the hash.

    None (no such user, or a user without a password), a hash that may not be stored and
    an imported hash take at least the time of a hash of `hash_password`, so that the
    time does not reveal which one it is. While users have hashes of a slower system,
    pass any one of its hashes as `imported`: each call then takes the time of both.
    bcrypt ignores a password after 72 octets, in every implementation.
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
    """Return whether the hash is imported, or has weaker parameters than today's.

    Call this after a successful `verify_password`, and store a new hash if it is true.
    """
    stored = parse_password_hash(password_hash)
    is_argon2id = stored is not None and stored.cost.startswith("$argon2id$")
    return not is_argon2id or _hasher.check_needs_rehash(password_hash)


def _octets(password: str) -> bytes:
    """Encode a password, with the lone surrogates that JSON allows.

    Plain UTF-8 would raise an error whose repr has the password.
    """
    return password.encode("utf-8", "surrogatepass")


def _nobodys_hash() -> str:
    """Return a hash that no password matches and that takes a real one's time."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode("ascii").rstrip("=")
        for length in (_hasher.salt_len, _hasher.hash_len)
    )
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


_NOBODYS_HASH: Final = _nobodys_hash()
