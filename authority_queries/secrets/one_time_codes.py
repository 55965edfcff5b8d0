"""Numeric one-time codes, which people read in a mail and type."""

import hashlib
import secrets
import unicodedata
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import instance, text, uuid
from authority_queries.errors import InvalidTokenError

_DIGITS: Final = 6
_LONGEST_TYPED: Final = 64
# Unicode categories: punctuation with dashes, spaces, and invisible characters.
_IGNORED: Final = frozenset({"P", "Z", "C"})
_purpose: Final = text(1, 64)


def mint_one_time_code() -> str:
    """Return a new code of 6 digits, such as `042917`.

    It is one of a million, which can be guessed. So a code is short-lived, and the
    store limits wrong ones.
    """
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"


def normalize_one_time_code(text: str) -> str:
    """Return a typed code as `mint_one_time_code` spells it: `042 917`, `042-917`.

    Digits of any script, spaces and punctuation do not matter. Raises
    InvalidTokenError. The message does not repeat the text.
    """
    instance(str)("text", text)
    if len(text) <= _LONGEST_TYPED:
        typed = [
            character
            for character in text
            if unicodedata.category(character)[0] not in _IGNORED
        ]
        values = [unicodedata.decimal(character, None) for character in typed]
        if len(values) == _DIGITS and None not in values:
            return "".join(map(str, values))
    message = f"a one-time code must have {_DIGITS} digits"
    raise InvalidTokenError(message)


def hash_one_time_code(tenant_id: UUID, purpose: str, code: str) -> bytes:
    """Return the hash of a code that the store keeps: 32 octets.

    The spelling does not matter. The hash is SHA-256 over tenant, purpose and code. It
    does not protect the code: an attacker with the table tries all codes at once. The
    short lifetime protects it. Raises InvalidTokenError.
    """
    uuid("tenant_id", tenant_id)
    named = _purpose("purpose", purpose).encode()
    digits = normalize_one_time_code(instance(str)("code", code)).encode()
    head = b"authority-queries one-time code v1\0" + tenant_id.bytes
    return hashlib.sha256(head + named + b"\0" + digits).digest()
