"""Octets, digests and UUIDs."""

import base64 as codecs
import hashlib
import re
from typing import Final
from uuid import UUID

from authority_queries.importing.conversions.base import Value, refuse, unwrapped
from authority_queries.importing.conversions.scalars import text
from authority_queries.secrets import tag_foreign_hash

_UUID_OCTETS: Final = 16
_DIGEST: Final = 32
_HEXADECIMAL_DIGEST: Final = 2 * _DIGEST
_STANDARD: Final = str.maketrans("-_", "+/")
_STANDARD_UUID: Final = 4  # subtypes of BSON's binary data
_LEGACY_UUID: Final = 3


def base64(value: Value, *, size: int | None = None) -> bytes:
    """Convert base64, with or without padding. `size` octets if it is given."""
    return _decoded(value, "base64", "+/", size)


def base64url(value: Value, *, size: int | None = None) -> bytes:
    """Convert base64url, with or without padding. `size` octets if it is given."""
    return _decoded(value, "base64url", "-_", size)


def hexadecimal(value: Value, *, size: int | None = None) -> bytes:
    """Convert hexadecimal digits, also after 0x. `size` octets if it is given."""
    found = _octets(value)
    if found is None:
        match = re.fullmatch(r"(?:0x|\\x)?((?:[0-9a-fA-F]{2})*)", text(value).strip())
        found = bytes.fromhex(match[1]) if match else refuse("is not hexadecimal")
    return _sized(found, size)


def sha256(value: Value) -> bytes:
    """Convert a token to its hash: the SHA-256 of the text in UTF-8."""
    return hashlib.sha256(text(value).encode()).digest()


def foreign_token(value: Value) -> bytes:
    """Convert a token of another store to the hash by which its string is found."""
    return tag_foreign_hash(sha256(value))


def foreign_digest(value: Value) -> bytes:
    """Convert the SHA-256 of a token of another store, in base64 or hexadecimal."""
    found = _octets(value)
    if found is None:
        is_hexadecimal = len(text(value).strip()) >= _HEXADECIMAL_DIGEST
        found = (hexadecimal if is_hexadecimal else _any_base64)(value)
    return tag_foreign_hash(_sized(found, _DIGEST))


def uuid(value: Value) -> UUID:
    """Convert a UUID: a text in any notation, or 16 octets in the order of RFC 9562."""
    value, subtype = _parts(value)
    if subtype == _LEGACY_UUID:
        refuse("is a UUID of an old driver: use csharp_uuid, or java_uuid")
    match value:
        case UUID():
            return value
        case bytes() if len(value) == _UUID_OCTETS:
            return UUID(bytes=bytes(value))
        case str():
            try:
                return UUID(value.strip())
            except ValueError:
                pass
    return refuse("is no UUID")


def csharp_uuid(value: Value) -> UUID:
    """Convert as `uuid`, and 16 octets in the order of .NET (BSON's subtype 3)."""
    value, subtype = _parts(value)
    if isinstance(value, bytes) and subtype != _STANDARD_UUID:
        if len(value) != _UUID_OCTETS:
            refuse("is no UUID")
        return UUID(bytes_le=bytes(value))
    return uuid(value)


def java_uuid(value: Value) -> UUID:
    """Convert as `uuid`, and 16 octets in the order of the old Java driver."""
    value, subtype = _parts(value)
    if isinstance(value, bytes) and subtype != _STANDARD_UUID:
        if len(value) != _UUID_OCTETS:
            refuse("is no UUID")
        return UUID(bytes=value[7::-1] + value[:7:-1])
    return uuid(value)


def _decoded(value: Value, name: str, last: str, size: int | None) -> bytes:
    found = _octets(value)
    if found is None:
        digits = text(value).strip().rstrip("=")
        try:
            found = codecs.b64decode(
                digits + "=" * (-len(digits) % 4), altchars=last, validate=True
            )
        except ValueError:
            refuse(f"is no {name}")
    return _sized(found, size)


def _any_base64(value: Value) -> bytes:
    return base64(text(value).translate(_STANDARD))


def _sized(found: bytes, size: int | None) -> bytes:
    if size is not None and len(found) != size:
        refuse(f"does not have {size} octets")
    return found


def _octets(value: Value) -> bytes | None:
    """Return the value's octets, if it is octets already."""
    found, _ = _parts(value)
    return bytes(found) if isinstance(found, bytes | bytearray | memoryview) else None


def _parts(value: Value) -> tuple[Value, int | None]:
    """Return a value, and the subtype if it is binary data of BSON."""
    match unwrapped(value):
        case {"$binary": {"base64": str(digits), "subType": str(kind)}}:
            return _decoded(digits, "base64", "+/", None), _subtype(kind)
        case {"$binary": str(digits), "$type": str(kind)}:  # before Extended JSON v2
            return _decoded(digits, "base64", "+/", None), _subtype(kind)
        case bytes() as octets:
            return octets, getattr(octets, "subtype", None)
        case plain:
            return plain, None


def _subtype(kind: str) -> int:
    try:
        return int(kind, base=16)
    except ValueError:
        return refuse("is no binary data of Extended JSON")
