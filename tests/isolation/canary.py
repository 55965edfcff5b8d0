"""Values that a search recognises in every spelling."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

# So many matching octets are no accident, and also find a truncated value.
_PIECE = 12


@dataclass(frozen=True)
class Canary:
    """A value that must not be found, with its name."""

    name: str
    octets: bytes

    @classmethod
    def of(cls, name: str, value: str | bytes) -> "Canary":
        octets = value.encode() if isinstance(value, str) else value
        assert len(octets) >= _PIECE, "too short to be recognised"
        return cls(name, octets)

    @cached_property
    def spellings(self) -> frozenset[bytes]:
        """Return the spellings of its beginning and its end."""
        pieces = (self.octets[:_PIECE], self.octets[-_PIECE:])
        return frozenset(form for piece in pieces for form in spelt(piece))

    def is_in(self, text: bytes) -> bool:
        return any(spelling in text for spelling in self.spellings)


def spelt(octets: bytes) -> Iterator[bytes]:
    """Spell octets as logs, dumps, URLs, Python and trees of plans do."""
    yield octets
    yield octets.hex().encode()
    yield octets.hex().upper().encode()
    yield repr(octets)[2:-1].encode()
    yield repr(repr(octets)[2:-1])[1:-1].encode()
    yield quote(octets, safe="").encode()
    yield "".join(f"%{octet:02x}" for octet in octets).encode()
    yield "".join(f"%{octet:02X}" for octet in octets).encode()
    yield " ".join(str(octet - 256 * (octet > 127)) for octet in octets).encode()
    yield "".join(_bytea_escape(octet) for octet in octets).encode()
    for before in range(3):
        yield from _base64(octets, before)


def _bytea_escape(octet: int) -> str:
    printable = 32 <= octet < 127 and octet != ord("\\")
    return chr(octet) if printable else f"\\{octet:03o}"


def _base64(octets: bytes, before: int) -> Iterator[bytes]:
    """Return the base64 digits that are independent of the octets around the value."""
    first, end = -(-before * 8 // 6), (before + len(octets)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(bytes(before) + octets)[first:end]
