"""Password hashes of this package and of other systems, and refused hashes."""

import base64
import json
import struct
import time
from hashlib import pbkdf2_hmac
from typing import Any
from uuid import uuid4

import bcrypt
import psycopg
import pytest
from argon2 import PasswordHasher

from authority_queries import (
    convert_keycloak_hash,
    convert_password_hash,
    hash_client_secret,
    hash_password,
    mint_token,
    password_needs_rehash,
    verify_client_secret,
    verify_password,
)
from authority_queries.credentials import passwords
from authority_queries.credentials.password_hashes import parse_password_hash
from authority_queries.errors import InvalidArgumentError
from authority_queries.repositories.arguments import (
    check_client_secret_hash,
    check_password_hash,
)
from tests.factories import PHC

PASSWORD = "correct horse"
SALT = "TestSaltOfDjango01"
B64_SALT = "VGVzdFNhbHRPZkRqYW5nbzAx"


def aspnet(prf: int = 1, digest: str = "sha256", rounds: int = 1000) -> str:
    """Return a hash of version 3: marker, digest, rounds, salt with size, 256 bits."""
    found = pbkdf2_hmac(digest, PASSWORD.encode(), SALT.encode(), rounds, 32)
    packed = struct.pack(">BIII", 1, prf, rounds, len(SALT)) + SALT.encode() + found
    return base64.b64encode(packed).decode()


def aspnet_v2() -> str:
    """Return a hash of version 2: marker, salt of 16 octets, 256 bits."""
    salt = SALT.encode()[:16].ljust(16)
    found = pbkdf2_hmac("sha1", PASSWORD.encode(), salt, 1000, 32)
    return base64.b64encode(b"\0" + salt + found).decode()


# From Django 5.2, passlib 1.7.4 and bcrypt 4.0.1, except ASP.NET's.
IMPORTED = {
    "Django's PBKDF2": "pbkdf2_sha256$1000$TestSaltOfDjango01$"
    "QN3V9dXdl6LrHTU7f5naT36qKo5iC2nyyXZiFQ15E5o=",
    "Django's PBKDF2 with SHA-1": "pbkdf2_sha1$1000$TestSaltOfDjango01$"
    "zp8sq7qUb0zg9zTx+vyhsB/6ps8=",
    "Django's scrypt": "scrypt$1024$TestSaltOfDjango01$8$5$T+tNL50rzIomghT5jSbafdlvgV"
    "GLMbz4Ebk/Y7hNjD6X3bdmyBkfdEUdJsCweiO1TVgJOgy6TlLAPrO9SQ7+gQ==",
    "Django's Argon2": "argon2$argon2id$v=19$m=64,t=1,p=1$VGVzdFNhbHRPZkRqYW5nbzAx$"
    "Y+76rgfSikAzURqs112ke9vRHK6cUf1j1b9MuDmbtkM",
    "Django's bcrypt": "bcrypt$$2b$04$Ads/2V/xWA.2BJFTt5nrh"
    ".2.MPmppCdrhPar3VfKnb5HRV4vlsS8q",
    "Django's bcrypt over SHA-256": "bcrypt_sha256$$2b$04$gFtG3B6s5HzcaVBRe.xdju"
    "FJ6a7Tle2FJcRG9gcXCfpuwqWZBWXKC",
    "passlib's PBKDF2": "$pbkdf2-sha256$1000$....IHNhbHQgb2YgcGFzc2xpYg$"
    "P0SytmPGngTPPFvCvA0Oc7yU66sKWi.HSKugGgI9a7Y",
    "passlib's PBKDF2 with SHA-512": "$pbkdf2-sha512$1000$em8NYYyR8v6f817LeW8NwQ$dOf/"
    "rk0xwwOOFlXsKtJplyZTXSB9cE01A/EIB/J5ftQcakuMnjDPrxQg4YfuyT7nEMUftfJAspF2h42yag2oQg",
    "scrypt as PHC": "$scrypt$ln=10,r=8,p=1$ew9BKIWwltI6J8S4FyLEuA$"
    "xNfS90t7tybAF+BjbrJYZ5JMrA/iTbfZoo1WC35NKGk",
    "scrypt as Kratos": "$scrypt$ln=1024,r=8,p=1$ew9BKIWwltI6J8S4FyLEuA==$"
    "xNfS90t7tybAF+BjbrJYZ5JMrA/iTbfZoo1WC35NKGk=",
    "{SSHA}": "{SSHA}jYPmdyK1TquSbghKZzYbC6XumxwhJGTM",
    "{ssha256}": "{ssha256}h0qn6mZH7XSNOarfnWgnB75LMILJwLBlUVn17rt8/ZjhHEPoHcPYuw==",
    "{SSHA512}": "{SSHA512}qpCNHwHTWKvU8y6KN7AVbyImWrISwsf6PAmU3agJ3CUxmgyJcP2IVAHki9"
    "+YluK+eVafxUlzduBTMJG1zgs6QRijNMY4ByCk",
    "bcrypt 2a": "$2a$04$jI9.jSzT97hN5ge1rR183OXlKoB0b30ha/mVxoMz1Timrt0uMpWKS",
    "bcrypt 2b": "$2b$04$K1Mlvxlh13iNN5dIoIa0mOSKrPZEGy3j//.Ap.f1d6DJFutnfOUfa",
    "bcrypt 2y": "$2y$04$K1Mlvxlh13iNN5dIoIa0mOSKrPZEGy3j//.Ap.f1d6DJFutnfOUfa",
    "ASP.NET Core Identity": aspnet(),
    "ASP.NET Core Identity with SHA-512": aspnet(2, "sha512"),
    "ASP.NET Core Identity's version 2": aspnet_v2(),
}


def keycloak(algorithm: str, value: bytes, rounds: int, **more: list[str]) -> str:
    data = {"algorithm": algorithm, "hashIterations": rounds}
    secret = {
        "value": base64.b64encode(value).decode(),
        "salt": base64.b64encode(SALT.encode()).decode(),
    }
    credential_data = json.dumps({**data, "additionalParameters": more})
    return convert_keycloak_hash(credential_data, json.dumps(secret))


def matches(stored: str, password: str) -> bool:
    """Return whether they match, without the work that hides the time."""
    parsed = parse_password_hash(stored)
    return parsed is not None and parsed.verify(password.encode())


def test_an_imported_hash_is_verified_and_needs_a_rehash() -> None:
    for name, foreign in IMPORTED.items():
        stored = convert_password_hash(foreign)
        assert matches(stored, PASSWORD), name
        assert not matches(stored, f"{PASSWORD} "), name
        assert password_needs_rehash(stored) is True, name
        assert convert_password_hash(stored) == stored, name


def test_a_keycloak_credential_is_verified() -> None:
    octets, salt = PASSWORD.encode(), SALT.encode()
    # The output is longer than the digest. Only its first part is compared.
    old = pbkdf2_hmac("sha256", octets, salt, 900, 64)
    argon2 = base64.b64decode("Y+76rgfSikAzURqs112ke9vRHK6cUf1j1b9MuDmbtkM=")
    converted = [
        keycloak("pbkdf2-sha256", old, 900),
        keycloak("pbkdf2", pbkdf2_hmac("sha1", octets, salt, 900, 64), 900),
        keycloak("pbkdf2-sha512", pbkdf2_hmac("sha512", octets, salt, 900), 900),
        keycloak("argon2", argon2, 1, type=["id"], memory=["64"], parallelism=["1"]),
    ]
    assert converted[0].startswith(f"$pbkdf2-sha256$i=900${B64_SALT}$")
    for stored in converted:
        assert matches(stored, PASSWORD)
        assert not matches(stored, "wrong")
        assert password_needs_rehash(stored)
    assert verify_password(converted[0], PASSWORD)


def test_an_argon2id_hash_needs_a_rehash_only_after_its_costs_change() -> None:
    hashed = hash_password("swordfish")
    assert hashed.startswith("$argon2id$")
    assert "swordfish" not in hashed
    assert verify_password(hashed, "swordfish")
    assert not verify_password(hashed, "Swordfish")
    assert password_needs_rehash(hashed) is False
    weak = PasswordHasher(memory_cost=64, time_cost=1).hash("swordfish")
    assert verify_password(weak, "swordfish")
    assert password_needs_rehash(weak)
    # The hash of no user has the same costs.
    assert passwords._NOBODYS_HASH.split("$")[:4] == hashed.split("$")[:4]
    assert len(passwords._NOBODYS_HASH) == len(hashed)


def test_bcrypt_ignores_octets_after_the_72nd() -> None:
    # From bcrypt 4.0.1 and 80 letters, which it truncated.
    stored = "$2b$04$YK70fQ1J8/Jy/ZaqSdv08uZCNWm4I0LVR2BFHFfIjlnUmedtlQMZC"
    assert matches(stored, "x" * 80)
    assert matches(stored, "x" * 72)
    assert not matches(stored, "x" * 71)


def test_a_password_of_megabytes_is_refused_and_never_matches() -> None:
    with pytest.raises(InvalidArgumentError, match="at most 4096 octets") as caught:
        hash_password("x" * 4097)
    assert caught.value.argument == "password"
    longest = hash_password("x" * 4096)
    assert verify_password(longest, "x" * 4096)
    assert not verify_password(longest, "x" * 4097)


B = "A" * 22
REFUSED: list[Any] = [
    "",
    "swordfish",
    "$2b$12$abc",
    "$2x$" + IMPORTED["bcrypt 2b"][4:],
    IMPORTED["bcrypt 2b"].replace("$04$", "$15$"),
    IMPORTED["bcrypt 2b"].replace("$04$", "$03$"),
    IMPORTED["Django's PBKDF2"],
    f"$argon2id$v=16$m=64,t=1,p=1${B}${B}",
    f"$argon2id$m=64,t=1,p=1${B}${B}",
    f"$argon2id$v=19$m=1048576,t=2,p=1${B}${B}",
    f"$argon2id$v=19$m=64,t=0,p=1${B}${B}",
    f"$argon2id$v=19$m=64,t=1,p=1${B}$aGFzaA",
    f"$argon2id$v=19$m=64,t=1,p=1${B}${B}\n",
    f"$pbkdf2-sha256$i=3000000${B}${B}",
    f"$pbkdf2-md5$i=1000${B}${B}",
    f"$pbkdf2-sha256$i=1000${B}${B}AAA",
    f"$scrypt$ln=19,r=8,p=1${B}${B}",
    f"$scrypt$ln=16384,r=8,p=1${B}${B}",
    "$bcrypt-sha256-hex" + IMPORTED["bcrypt 2b"].replace("$04$", "$15$"),
    "{SHA}jYPmdyK1TquSbghKZzYbC6XumxwhJGTM",
    "{SSHA}jYPmdyK1TquSbghKZzYbC6Xumxw=",
    "{SSHA256}jYPmdyK1TquSbghKZzYbC6XumxwhJGTM",
    "{MD5}jYPmdyK1TquSbghKZzYbC6XumxwhJGTM",
    "$sha256$" + "A" * 43,
]
ALLOWED = [
    PHC,
    *(convert_password_hash(foreign) for foreign in IMPORTED.values()),
    f"$argon2i$v=19$m=1048576,t=1,p=99${B}${B}",
    f"$pbkdf2-sha512$i=2999999$AAAA${B}",
    f"$scrypt$ln=18,r=8,p=1${B}${B}",
    IMPORTED["bcrypt 2b"].replace("$04$", "$14$"),
]


def test_python_and_the_database_allow_the_same_hashes(
    dba: "psycopg.Connection[Any]",
) -> None:
    query = "select hash from unnest(%s::text[]) as hashes (hash) "
    where = "where authority.is_password_hash(hash)"
    found = dba.execute(query + where, (ALLOWED + REFUSED,)).fetchall()
    assert [row[0] for row in found] == ALLOWED
    assert [each for each in ALLOWED + REFUSED if parse_password_hash(each)] == ALLOWED


@pytest.mark.parametrize("check", [check_password_hash, check_client_secret_hash])
def test_a_hash_that_cannot_be_verified_is_refused_before_it_is_sent(
    check: Any,
) -> None:
    for each in [*REFUSED[:-1], 5, b"$2b$"]:
        with pytest.raises(InvalidArgumentError, match=r"^hash must be a ") as caught:
            check("hash", each)
        assert caught.value.argument == "hash"
        assert not each or str(each) not in str(caught.value)


@pytest.mark.parametrize(
    "foreign",
    [
        "swordfish",
        "bcrypt_sha256" + IMPORTED["bcrypt 2b"],
        "$bcrypt-sha256$v=2,t=2b,r=4$K1Mlvxlh13iNN5dIoIa0mO$"  # passlib's has a key
        "SKrPZEGy3j//.Ap.f1d6DJFutnfOUfa",
        "pbkdf2_sha256$1000$salt$no base64",
        "$pbkdf2-sha256$1000$....I$....I",
        "$scrypt$ln=1025,r=8,p=1$ew9BKIWwltI6J8S4FyLEuA$ew9BKIWwltI6J8S4FyLEuA",
        aspnet(prf=3),
        aspnet()[:40],
        "AQAAAA==",
        "A" * 2000,
    ],
)
def test_a_hash_that_cannot_be_imported_is_refused_and_not_shown(
    foreign: str,
) -> None:
    with pytest.raises(
        InvalidArgumentError, match="no format that can be imported"
    ) as caught:
        convert_password_hash(foreign)
    assert caught.value.__context__ is None
    assert foreign not in str(caught.value)
    for data in (foreign, "{}", "[]", json.dumps({"algorithm": foreign})):
        with pytest.raises(
            InvalidArgumentError, match="no format that can be imported"
        ):
            convert_keycloak_hash(data, '{"salt": "AAAA", "value": "AAAA"}')


def seconds(stored: str | None, imported: str | None = None) -> float:
    """Return the processor time of all threads, which other work does not change."""
    start = time.process_time()
    assert not verify_password(stored, "wrong", imported=imported)
    return time.process_time() - start


def test_no_verification_is_faster_than_argon2id() -> None:
    slow = bcrypt.hashpw(b"x", bcrypt.gensalt(10)).decode()
    own = hash_password("swordfish")
    outcomes = [own, "", REFUSED[3], IMPORTED["{SSHA}"], IMPORTED["bcrypt 2b"]]
    nobody = seconds(None)
    for stored in outcomes:
        assert seconds(stored) > 0.6 * nobody
    # With `imported`, an unknown user takes the time of an imported one.
    imported = seconds(slow, slow)
    assert imported > 1.2 * nobody
    for stored in (None, own):
        assert seconds(stored, slow) > 0.7 * imported


def test_a_minted_client_secret_has_a_sha256_hash_and_a_chosen_one_argon2id() -> None:
    minted = mint_token("client_secret", uuid4()).token
    stored = hash_client_secret(minted)
    assert stored.startswith("$sha256$")
    assert check_client_secret_hash("secret_hash", stored) == stored
    assert verify_client_secret(stored, minted)
    assert not verify_client_secret(stored, minted[:-1] + "!")
    assert not verify_client_secret(stored, "")
    chosen = hash_client_secret("swordfish")
    assert chosen.startswith("$argon2id$")
    assert verify_client_secret(chosen, "swordfish")
    assert not verify_client_secret(chosen, minted)
    assert not verify_client_secret(None, minted)
    # A secret of another kind, or a mistyped one, is treated as a chosen one.
    assert hash_client_secret(minted[:-1] + "!").startswith("$argon2id$")
    start = time.process_time()
    for _ in range(100):
        verify_client_secret(stored, minted)
    hundred = time.process_time() - start
    assert seconds(chosen) > hundred
