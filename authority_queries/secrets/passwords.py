"""Passwords and client secrets: hashed and verified with Argon2id."""

import base64
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

_hasher: Final = PasswordHasher()


def hash_password(password: str) -> str:
    """Hash a password or client secret with Argon2id: a PHC string.

    Salt and parameters are part of it. Takes tens of milliseconds, by purpose.
    """
    return _hasher.hash(_octets(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Tell whether the password is the one that was hashed, in constant time.

    None (no such user, or one without a password) is False and takes as long, so that
    the time tells nothing. A hash that is not Argon2's is False.
    """
    try:
        right = _hasher.verify(password_hash or _NOBODYS_HASH, _octets(password))
        return right and bool(password_hash)
    except (Argon2Error, InvalidHashError):
        return False


def password_needs_rehash(password_hash: str) -> bool:
    """Tell whether the hash was made with weaker parameters than today's.

    Asked after a successful `verify_password`, when the password is at hand.
    """
    return _hasher.check_needs_rehash(password_hash)


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
