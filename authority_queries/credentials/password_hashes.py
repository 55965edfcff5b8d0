"""The formats of password hashes that may be stored, and how each is verified.

`hash_password` writes Argon2id. The others come from other systems. Each has one format
(`imported_hashes` converts to it) and limited costs. The schema's function
authority.is_password_hash has the same rules.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

_Verify: TypeAlias = Callable[[re.Match[str], bytes], bool]

# The costliest take about a second. m is in KiB; a block of scrypt has 128 * r octets.
_MOST_ARGON2: Final = 1 << 20  # m * t
_MOST_SCRYPT: Final = 1 << 21  # 2 ** ln * r * p
_SCRYPT_MEMORY: Final = 300 << 20
# bcrypt ignores the rest of a password, here and in the systems of the hashes.
_BCRYPT_OCTETS: Final = 72
_SSHA_DIGESTS: Final = {"": "sha1", "256": "sha256", "512": "sha512"}

_B: Final = "[A-Za-z0-9+/]"  # base64, without padding (PHC's B64)
_SALT: Final = f"(?P<salt>(?:{_B}{{4}}){{1,21}}(?:{_B}{{2,3}})?)"
_HASH: Final = f"(?P<hash>(?:{_B}{{4}}){{5,21}}(?:{_B}{{2,3}})?)"
_END: Final = f"(?:{_B}{{4}}|{_B}{{3}}=|{_B}{{2}}==)"

_verifier: Final = PasswordHasher()  # uses the costs that the hash states


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A parsed hash. Hashes of the same `cost` take the same time to verify."""

    cost: str
    _match: re.Match[str]
    _verify: _Verify

    def verify(self, password: bytes) -> bool:
        """Return whether the password matches. Compares in constant time."""
        return self._verify(self._match, password)


def parse_password_hash(text: object) -> PasswordHash | None:
    """Parse a hash. Returns None for another format and for costs above the limit."""
    if isinstance(text, str):
        for shape, verify in _SCHEMES.items():
            if match := shape.fullmatch(text):
                found = PasswordHash(match["cost"], match, verify)
                return found if _is_bearable(match.groupdict()) else None
    return None


def _is_bearable(found: dict[str, str | None]) -> bool:
    memory, passes = int(found.get("m") or 0), int(found.get("t") or 0)
    blocks = int(found.get("r") or 0) * int(found.get("parallel") or 0)
    size = blocks << int(found.get("ln") or 0)
    return memory * passes <= _MOST_ARGON2 and size <= _MOST_SCRYPT


def _argon2(match: re.Match[str], password: bytes) -> bool:
    try:
        return _verifier.verify(match.string, password)
    except (Argon2Error, InvalidHashError):
        return False


def _bcrypt(match: re.Match[str], password: bytes) -> bool:
    return bcrypt.checkpw(password[:_BCRYPT_OCTETS], match.string.encode("ascii"))


def _bcrypt_of_digits(match: re.Match[str], password: bytes) -> bool:
    # Django's BCryptSHA256: its 64 digits are what bcrypt hashes.
    digits = hashlib.sha256(password).hexdigest().encode("ascii")
    return bcrypt.checkpw(digits, match["bcrypt"].encode("ascii"))


def _pbkdf2(match: re.Match[str], password: bytes) -> bool:
    # Only the first digest is compared: a longer output costs more and proves no more.
    size = hashlib.new(match["digest"]).digest_size
    expected, iterations = decode(match["hash"])[:size], int(match["i"])
    found = hashlib.pbkdf2_hmac(
        match["digest"], password, decode(match["salt"]), iterations, len(expected)
    )
    return hmac.compare_digest(found, expected)


def _scrypt(match: re.Match[str], password: bytes) -> bool:
    expected = decode(match["hash"])
    found = hashlib.scrypt(
        password,
        salt=decode(match["salt"]),
        n=1 << int(match["ln"]),
        r=int(match["r"]),
        p=int(match["parallel"]),
        maxmem=_SCRYPT_MEMORY,
        dklen=len(expected),
    )
    return hmac.compare_digest(found, expected)


def _ssha(match: re.Match[str], password: bytes) -> bool:
    kept = decode(match["kept"])
    digest = hashlib.new(_SSHA_DIGESTS[match["size"] or ""], password)
    digest.update(kept[digest.digest_size :])
    return hmac.compare_digest(digest.digest(), kept[: digest.digest_size])


def decode(text: str) -> bytes:
    """Decode base64 with or without padding."""
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def encode(octets: bytes) -> str:
    """Encode base64 without padding."""
    return base64.b64encode(octets).decode("ascii").rstrip("=")


_SCHEMES: Final[dict[re.Pattern[str], _Verify]] = {
    re.compile(
        r"(?P<cost>\$argon2(?:id|i|d)\$v=19"
        r"\$m=(?P<m>[1-9][0-9]{0,6}),t=(?P<t>[1-9][0-9]?),p=[1-9][0-9]?)"
        rf"\${_SALT}\${_HASH}"
    ): _argon2,
    re.compile(r"\$2[aby]\$(?P<cost>0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}"): _bcrypt,
    re.compile(
        r"\$bcrypt-sha256-hex(?P<bcrypt>\$2[aby]\$(?P<cost>0[4-9]|1[0-4])"
        r"\$[./A-Za-z0-9]{53})"
    ): _bcrypt_of_digits,
    re.compile(
        r"(?P<cost>\$pbkdf2-(?P<digest>sha1|sha256|sha512)"
        rf"\$i=(?P<i>[1-9][0-9]{{0,5}}|[12][0-9]{{6}}))\${_SALT}\${_HASH}"
    ): _pbkdf2,
    re.compile(
        r"(?P<cost>\$scrypt\$ln=(?P<ln>[1-9]|1[0-9]|20),"
        rf"r=(?P<r>[1-9][0-9]?),p=(?P<parallel>[1-9][0-9]?))\${_SALT}\${_HASH}"
    ): _scrypt,
    re.compile(
        r"(?P<cost>\{SSHA(?P<size>256|512)?\})(?P<kept>(?:"
        rf"(?<=A\}})(?:{_B}{{4}}){{7,17}}|(?<=256\}})(?:{_B}{{4}}){{11,21}}"
        rf"|(?<=512\}})(?:{_B}{{4}}){{22,31}}){_END})"
    ): _ssha,
}
