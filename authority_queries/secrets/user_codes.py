"""User codes of the device flow, which people read and type (RFC 8628 section 6.1)."""

import hashlib
import secrets
import unicodedata
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import instance, uuid
from authority_queries.errors import InvalidTokenError

# No vowels, so that no words appear. No I, no O and no digits, which look alike.
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8
_LONGEST_TYPED: Final = 64
# Unicode categories: punctuation with dashes, spaces, and invisible characters.
_IGNORED: Final = frozenset({"P", "Z", "C"})


def mint_user_code() -> str:
    """Return a new user code of 8 letters, such as `WDJB-MJHT`.

    It is one of 20 ** 8, about 34 bits, which can be guessed. So a code is short-lived,
    and the server must throttle guesses (RFC 8628 section 5.1).
    """
    return _spelled("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)))


def normalize_user_code(text: str) -> str:
    """Return a typed user code as `mint_user_code` spells it: `wdjb mjht`, `WDJBMJHT`.

    Case, full-width letters, dashes of any kind, other punctuation and spaces do not
    matter. No character is replaced by a letter that looks like it: no two letters of a
    code look alike, and a digit is an error that the person should see. Raises
    InvalidTokenError. The message does not repeat the text.
    """
    instance(str)("text", text)
    if len(text) <= _LONGEST_TYPED:
        typed = "".join(
            character
            for character in unicodedata.normalize("NFKC", text)
            if unicodedata.category(character)[0] not in _IGNORED
        )
        code = typed.upper()
        if len(typed) == _LENGTH and set(code) <= set(_LETTERS):
            return _spelled(code)
    message = f"a user code must have {_LENGTH} letters of {_LETTERS}"
    raise InvalidTokenError(message)


def hash_user_code(tenant_id: UUID, user_code: str) -> bytes:
    """Return the hash of a user code that the store keeps: 32 octets.

    The spelling does not matter. The hash is SHA-256 over tenant and code, so the same
    code has another hash in another tenant. It does not protect the code: an
    attacker with the table can try all codes in minutes. The short lifetime protects
    it. Raises InvalidTokenError.
    """
    uuid("tenant_id", tenant_id)
    code = normalize_user_code(instance(str)("user_code", user_code))
    hashed = b"authority-queries user code v1\0" + tenant_id.bytes + code.encode()
    return hashlib.sha256(hashed).digest()


def _spelled(code: str) -> str:
    return f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}"
