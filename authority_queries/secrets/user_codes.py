"""User codes of the device flow: for people to read and type (RFC 8628 section 6.1)."""

import hashlib
import secrets
import unicodedata
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import instance, uuid
from authority_queries.errors import InvalidTokenError

# Without vowels there are no words, and no I, O or digits to be taken for each other.
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8
_LONGEST_TYPED: Final = 64
# Dashes and other punctuation, spaces, and marks that cannot be seen.
_IGNORED: Final = frozenset({"P", "Z", "C"})


def mint_user_code() -> str:
    """Make a user code of 8 letters: `WDJB-MJHT`. One of 20 ** 8, some 34 bits.

    That few can be guessed: a code is short-lived, and guesses are to be throttled
    (RFC 8628 section 5.1).
    """
    return _spelled("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)))


def normalize_user_code(text: str) -> str:
    """Spell what a person typed as `mint_user_code` does: `wdjb mjht`, `WDJBMJHT`.

    Upper and lower case, full width letters, dashes of any kind, other punctuation
    and spaces do not matter. Nothing is taken for a letter that it looks like: no
    two letters of a code look alike, and a digit is an error to be shown. Raises
    InvalidTokenError, which does not repeat it.
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
    message = f"a user code has {_LENGTH} letters of {_LETTERS}"
    raise InvalidTokenError(message)


def hash_user_code(tenant_id: UUID, user_code: str) -> bytes:
    """Give what the store keeps of a user code, however it is typed: 32 octets.

    SHA-256 over the tenant too, so that the same code differs between tenants. It
    does not hide the code from who has the table and some minutes to try all codes:
    short life does. Raises InvalidTokenError.
    """
    uuid("tenant_id", tenant_id)
    code = normalize_user_code(instance(str)("user_code", user_code))
    hashed = b"authority-queries user code v1\0" + tenant_id.bytes + code.encode()
    return hashlib.sha256(hashed).digest()


def _spelled(code: str) -> str:
    return f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}"
