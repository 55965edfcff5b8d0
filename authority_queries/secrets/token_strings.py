"""Mints, parses and derives token strings.

A token string is `aq_{kind}_{tenant}_{secret}_{checksum}`: a prefix that secret
scanners find, its tenant, 256 random bits, and a checksum that detects typing errors
without a query. The digits are 0-9 A-Z a-z (base 62).
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID

from authority_queries.engine.checks import instance, octets, one_of, uuid
from authority_queries.engine.refusals import wrong_type
from authority_queries.errors import InvalidTokenError

TokenKind = Literal[
    "access",
    "refresh",
    "authorization_code",
    "device_code",
    "client_secret",
    "license_key",
    "request_uri",
    "session",
    "registration",
    "one_time",
]

PREFIX: Final = "aq_"  # of every token string of this store
_PREFIXES: Final[dict[TokenKind, str]] = {
    "access": "at",
    "refresh": "rt",
    "authorization_code": "ac",
    "device_code": "dc",
    "client_secret": "cs",
    "license_key": "lk",
    "request_uri": "ru",
    "session": "se",
    "registration": "ra",
    "one_time": "ot",
}
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_TENANT_DIGITS: Final = 22  # of 128 bits
_SECRET_DIGITS: Final = 43  # of 256 bits
_CHECKSUM_DIGITS: Final = 6  # of 32 bits, three pairs
_key: Final = octets(32)
_sha256: Final = hashlib.sha256
_kind: Final = one_of(*_PREFIXES)
LENGTH: Final = len("aq_at___") + _TENANT_DIGITS + _SECRET_DIGITS + _CHECKSUM_DIGITS

_SHAPE: Final = (
    f"aq_[a-z]{{2}}_[0-9A-Za-z]{{{_TENANT_DIGITS}}}"
    f"_[0-9A-Za-z]{{{_SECRET_DIGITS}}}_[0-9A-Za-z]{{{_CHECKSUM_DIGITS}}}"
)
_IN_TEXT: Final = re.compile(_SHAPE)
_IN_OCTETS: Final = re.compile(_SHAPE.encode("ascii"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenString:
    """A well-formed token string. Only the store knows whether the token is live.

    The holder gets `token`, once. The store keeps `hash`: the SHA-256 of the string,
    32 octets. That of a token of another store has 33 (`parse_foreign_token`).
    """

    kind: TokenKind
    tenant_id: UUID
    token: str = field(repr=False)
    hash: bytes = field(repr=False)

    @property
    def is_foreign(self) -> bool:
        """Whether another store issued the token."""
        return len(self.hash) != _sha256().digest_size


def mint_token(kind: TokenKind, tenant_id: UUID) -> TokenString:
    """Return a new token string of 256 random bits. Raises InvalidArgumentError."""
    return _with_secret(kind, tenant_id, secrets.randbits(256))


def derive_token(kind: TokenKind, parent: TokenString, key: bytes) -> TokenString:
    """Return the token string of this kind that is derived from another one.

    The same parent and key return the same string. A server that derives the successors
    of a refresh token can repeat a lost answer without storing a token. The 256 bits
    are HMAC-SHA-256 under `key`, which is at least 32 random octets and is never sent
    to the database. The price: an attacker with the key and any refresh token of a
    family, even a used one, can compute all its successors, up to the next
    `mint_token`. Under a new key, a repeated request gets another answer. Use
    `mint_token` if answers need not be repeated. Raises InvalidArgumentError.
    """
    instance(TokenString)("parent", parent)
    _key("key", key)
    # A string of this store has the tenant in itself. Two tenants may know one string
    # of another store: its successors must not help to compute those of the other.
    source = f"foreign\0{parent.tenant_id}\0" if parent.is_foreign else ""
    derived = f"authority-queries derive v1\0{kind}\0{source}{parent.token}".encode()
    secret = hmac.digest(key, derived, "sha256")
    return _with_secret(kind, parent.tenant_id, int.from_bytes(secret, "big"))


def parse_token(token: str, *, kind: TokenKind | None = None) -> TokenString:
    """Parse a token string, without a query.

    Raises InvalidTokenError for a wrong length, prefix, digit or checksum, and for
    another kind than `kind`. The message does not repeat the string. Raises
    InvalidArgumentError for a value that is not a str.
    """
    found, tenant_id = _parts(token, kind)
    return _token_string(found, tenant_id, token)


def find_token(token: str, kind: TokenKind) -> tuple[UUID, bytes] | None:
    """Return tenant and hash of a string that `parse_token` accepts, or None."""
    try:
        _, tenant_id = _parts(token, kind)
    except InvalidTokenError:
        return None
    return tenant_id, _sha256(token.encode("ascii")).digest()


def contains_token(value: object) -> bool:
    """Return whether a text or octets contain a token string, live or not."""
    if isinstance(value, str):
        return "aq_" in value and _IN_TEXT.search(value) is not None
    if isinstance(value, bytes | bytearray | memoryview):
        octets = bytes(value)
        return b"aq_" in octets and _IN_OCTETS.search(octets) is not None
    return False


def _parts(token: str, kind: TokenKind | None) -> tuple[TokenKind, UUID]:
    if not isinstance(token, str):
        raise wrong_type("token", "a str", token)
    if len(token) != LENGTH or not token.isascii():
        message = f"a token must have {LENGTH} ASCII characters"
        raise InvalidTokenError(message, argument="token")
    body, _, checksum = token.rpartition("_")
    if checksum != _checksum(body):
        message = "the token's checksum is wrong: the token is mistyped or truncated"
        raise InvalidTokenError(message, argument="token")
    head, _, _ = body.rpartition("_")
    found, tenant_id = _head(head)
    if found is None or kind not in (None, found):
        wanted = f"of the kind {kind}" if kind else "of a kind of this store"
        message = f"the token is not {wanted}"
        raise InvalidTokenError(message, argument="token")
    if tenant_id is None:
        message = "the token has no valid tenant"
        raise InvalidTokenError(message, argument="token")
    return found, tenant_id


def _with_secret(kind: TokenKind, tenant_id: UUID, secret: int) -> TokenString:
    _kind("kind", kind)
    uuid("tenant_id", tenant_id)
    tenant = _encode(tenant_id.int, _TENANT_DIGITS)
    body = f"aq_{_PREFIXES[kind]}_{tenant}_{_encode(secret, _SECRET_DIGITS)}"
    return _token_string(kind, tenant_id, f"{body}_{_checksum(body)}")


def _token_string(kind: TokenKind, tenant_id: UUID, token: str) -> TokenString:
    digest = _sha256(token.encode("ascii")).digest()
    return TokenString(kind=kind, tenant_id=tenant_id, token=token, hash=digest)


def _checksum(body: str) -> str:
    rest, low = divmod(zlib.crc32(body.encode("ascii")), len(_PAIRS))
    high, middle = divmod(rest, len(_PAIRS))
    return f"{_PAIRS[high]}{_PAIRS[middle]}{_PAIRS[low]}"


def _encode(number: int, digits: int) -> str:
    encoded = []
    for _ in range(digits):
        number, digit = divmod(number, len(_DIGITS))
        encoded.append(_DIGITS[digit])
    return "".join(reversed(encoded))


# Tenants repeat, and decoding takes longer than the rest of a token string.
@lru_cache(maxsize=4096)
def _head(head: str) -> tuple[TokenKind | None, UUID | None]:
    """Return kind and tenant of what precedes the secret."""
    parts = head.split("_")
    if len(parts) != len(("aq", "at", "t")) or parts[0] != "aq":
        return None, None
    return _KINDS.get(parts[1]), _tenant_of(parts[2])


def _tenant_of(encoded: str) -> UUID | None:
    number = 0
    for digit in encoded:
        if digit not in _VALUES:
            return None
        number = number * len(_DIGITS) + _VALUES[digit]
    if number >= 1 << 128 or len(encoded) != _TENANT_DIGITS:
        return None
    return UUID(int=number)
