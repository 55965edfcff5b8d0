"""Recovery codes, which people print and type (look-up secrets, NIST SP 800-63B)."""

import hashlib
import secrets
import unicodedata
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import instance, int8, uuid
from authority_queries.engine.refusals import refusal
from authority_queries.errors import InvalidTokenError

# Crockford's base 32: without I, L and O, which are read as 1, 1 and 0, and without U.
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES: Final = str.maketrans("ILO", "110")
# 120 bits: NIST SP 800-63B section 5.1.2.2 requires 112 for a hash without a salt.
_LENGTH: Final = 24
_GROUP: Final = 4
_LONGEST_TYPED: Final = 128
_MOST: Final = 32
# Unicode categories: punctuation with dashes, spaces, and invisible characters.
_IGNORED: Final = frozenset({"P", "Z", "C"})


def mint_recovery_codes(count: int = 10) -> list[str]:
    """Return new recovery codes, such as `7Q2M-0ZRK-9D4X-HT8C-W3VB-51NE`.

    Each has 120 random bits, so that a fast hash of it cannot be guessed. Show them
    once. Raises InvalidArgumentError unless `count` is 1 to 32.
    """
    if not 1 <= int8("count", count) <= _MOST:
        raise refusal("count", f"must be 1 to {_MOST}")
    return [_mint() for _ in range(count)]


def hash_recovery_code(tenant_id: UUID, user_id: UUID, code: str) -> bytes:
    """Return the hash of a recovery code that the store keeps: 32 octets.

    It is SHA-256 over tenant, user and code. The spelling does not matter: case,
    dashes, spaces, and letters that look like digits. Raises InvalidTokenError for
    another text, without repeating it.
    """
    uuid("tenant_id", tenant_id)
    uuid("user_id", user_id)
    typed = _normalized(instance(str)("code", code))
    prefix = b"authority-queries recovery code v1\0"
    return hashlib.sha256(
        prefix + tenant_id.bytes + user_id.bytes + typed.encode("ascii")
    ).digest()


def _normalized(code: str) -> str:
    if len(code) <= _LONGEST_TYPED:
        typed = "".join(
            character
            for character in unicodedata.normalize("NFKC", code).upper()
            if unicodedata.category(character)[0] not in _IGNORED
        ).translate(_LOOKALIKES)
        if len(typed) == _LENGTH and set(typed) <= set(_DIGITS):
            return typed
    message = f"a recovery code must have {_LENGTH} characters of {_DIGITS}"
    raise InvalidTokenError(message, argument="code")


def _mint() -> str:
    code = "".join(secrets.choice(_DIGITS) for _ in range(_LENGTH))
    return "-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))
