"""Converts password hashes of other systems to the format that is stored."""

import base64
import json
import re
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

from authority_queries.credentials.password_hashes import (
    decode,
    encode,
    parse_password_hash,
)
from authority_queries.errors import InvalidArgumentError

_Convert: TypeAlias = Callable[[re.Match[str]], str]

_LONGEST: Final = 1024
_MOST_LN: Final = 63
_DIGEST_SIZES: Final = {"sha1": 20, "sha256": 32, "sha512": 64}
# ASP.NET Core Identity's KeyDerivationPrf.
_ASPNET_DIGESTS: Final = ("sha1", "sha256", "sha512")
_ASPNET_HEADER: Final = struct.Struct(">BIII")
_ASPNET_V3: Final = 1
# Version 2 always has PBKDF2 with SHA-1, 1000 rounds, and a salt of 16 octets.
_ASPNET_V2_SALT: Final = slice(1, 17)
_ASPNET_V2_ROUNDS: Final = 1000


def convert_password_hash(text: str) -> str:
    """Return a hash of another system in the format that is stored.

    Accepts bcrypt, Argon2, PBKDF2 and scrypt in the formats of PHC, Kratos, passlib and
    Django, Django's bcrypt over SHA-256, ASP.NET Core Identity's versions 2 and 3, and
    {SSHA}. Raises InvalidArgumentError for any other hash, and for a hash whose
    verification costs too much.
    """
    converted = ""
    if len(text) <= _LONGEST:
        for shape, convert in _SPELLINGS.items():
            if match := shape.fullmatch(text):
                with suppress(ValueError):  # no base64; the error repeats the hash
                    converted = convert(match)
    return _checked(converted)


def convert_keycloak_hash(credential_data: str, secret_data: str) -> str:
    """Return the hash of a Keycloak credential in the format that is stored.

    Both arguments are JSON, as in Keycloak's export and its table `credential`. Raises
    InvalidArgumentError.
    """
    converted = ""
    with suppress(LookupError, TypeError, ValueError, AttributeError):
        data, secret = json.loads(credential_data), json.loads(secret_data)
        salt, value = decode(secret["salt"]), decode(secret["value"])
        converted = _keycloak(data, salt, value)
    return _checked(converted)


def _checked(converted: str) -> str:
    if parse_password_hash(converted) is None:
        message = "the hash has no format that can be imported, or costs too much"
        raise InvalidArgumentError(message)
    return converted


def _keycloak(data: Mapping[str, object], salt: bytes, value: bytes) -> str:
    algorithm, rounds = str(data["algorithm"]), data["hashIterations"]
    if algorithm.startswith("pbkdf2"):
        return _pbkdf2(algorithm.partition("-")[2] or "sha1", rounds, salt, value)
    more = data["additionalParameters"]
    if algorithm != "argon2" or not isinstance(more, Mapping):
        return ""
    kind, memory, lanes = (more[name][0] for name in ("type", "memory", "parallelism"))
    return (
        f"$argon2{kind}$v=19$m={memory},t={rounds},p={lanes}"
        f"${encode(salt)}${encode(value)}"
    )


def _pbkdf2(digest: str, rounds: object, salt: bytes, value: bytes) -> str:
    kept = value[: _DIGEST_SIZES.get(digest)]
    return f"$pbkdf2-{digest}$i={rounds}${encode(salt)}${encode(kept)}"


def _scrypt(size: int, rest: str, salt: bytes, value: bytes) -> str:
    # Django and Kratos write N. PHC writes its logarithm.
    if size > _MOST_LN:
        if size & (size - 1):
            return ""
        size = size.bit_length() - 1
    return f"$scrypt$ln={size},{rest}${encode(salt)}${encode(value)}"


def _aspnet(match: re.Match[str]) -> str:
    packed = base64.b64decode(match[0])
    if len(packed) < _ASPNET_HEADER.size or packed[0] != _ASPNET_V3:
        return ""
    _, prf, rounds, salt_size = _ASPNET_HEADER.unpack_from(packed)
    body = packed[_ASPNET_HEADER.size :]
    if prf >= len(_ASPNET_DIGESTS):
        return ""
    return _pbkdf2(_ASPNET_DIGESTS[prf], rounds, body[:salt_size], body[salt_size:])


def _aspnet_v2(match: re.Match[str]) -> str:
    packed = base64.b64decode(match[0])
    salt, value = packed[_ASPNET_V2_SALT], packed[_ASPNET_V2_SALT.stop :]
    return _pbkdf2("sha1", _ASPNET_V2_ROUNDS, salt, value)


_B64: Final = r"([A-Za-z0-9+/.]+)={0,2}"
_SPELLINGS: Final[dict[re.Pattern[str], _Convert]] = {
    # The stored format. Django prefixes the algorithm's name.
    re.compile(r"(?:argon2)?(\$argon2.*)|(?:bcrypt\$)?(\$2[aby]\$.*)"): lambda match: (
        match[1] or match[2]
    ),
    re.compile(
        r"(?:bcrypt_sha256\$|\$bcrypt-sha256-hex)(\$2[aby]\$.*)"
    ): lambda match: f"$bcrypt-sha256-hex{match[1]}",
    re.compile(rf"\$pbkdf2-(sha\d+)\$(?:i=)?(\d+)(?:,l=\d+)?\${_B64}\${_B64}"): (
        lambda match: _pbkdf2(
            match[1],
            match[2],
            decode(match[3].replace(".", "+")),
            decode(match[4].replace(".", "+")),
        )
    ),
    re.compile(rf"pbkdf2_(sha\d+)\$(\d+)\$([^$]+)\${_B64}"): lambda match: _pbkdf2(
        match[1], match[2], match[3].encode(), decode(match[4])
    ),
    re.compile(rf"\$scrypt\$ln=(\d+),(r=\d+,p=\d+)\${_B64}\${_B64}"): lambda match: (
        _scrypt(int(match[1]), match[2], decode(match[3]), decode(match[4]))
    ),
    re.compile(rf"scrypt\$(\d+)\$([^$]+)\$(\d+)\$(\d+)\${_B64}"): lambda match: _scrypt(
        int(match[1]),
        f"r={match[3]},p={match[4]}",
        match[2].encode(),
        decode(match[5]),
    ),
    re.compile(r"\{(ssha(?:256|512)?)\}(.*)", re.IGNORECASE): lambda match: (
        f"{{{match[1].upper()}}}{match[2]}"
    ),
    re.compile(r"AQAAA[A-Za-z0-9+/]+={0,2}"): _aspnet,
    re.compile(r"A[A-P][A-Za-z0-9+/]{64}=="): _aspnet_v2,  # 49 octets, the first is 0
}
