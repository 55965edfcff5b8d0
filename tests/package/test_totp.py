"""The test vectors of RFC 6238, appendix B, and what users type."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from authority_queries import TotpSecret, mint_totp_secret
from authority_queries.credentials.totp import TotpAlgorithm
from tests.refusals import refusal_of

SEED = b"1234567890"
LENGTHS: dict[TotpAlgorithm, int] = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
# UTC, and the code of each algorithm.
VECTORS = [
    ("1970-01-01 00:00:59", "94287082", "46119246", "90693936"),
    ("2005-03-18 01:58:29", "07081804", "68084774", "25091201"),
    ("2005-03-18 01:58:31", "14050471", "67062674", "99943326"),
    ("2009-02-13 23:31:30", "89005924", "91819424", "93441116"),
    ("2033-05-18 03:33:20", "69279037", "90698825", "38618901"),
    ("2603-10-11 11:33:20", "65353130", "77737706", "47863826"),
]


def of_the_rfc(algorithm: TotpAlgorithm) -> TotpSecret:
    secret = (SEED * 7)[: LENGTHS[algorithm]]
    return TotpSecret(secret=secret, algorithm=algorithm, digits=8)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
@pytest.mark.parametrize("algorithm", LENGTHS)
def test_codes_are_those_of_the_rfc(
    algorithm: TotpAlgorithm, vector: tuple[str, ...]
) -> None:
    at = datetime.fromisoformat(vector[0]).replace(tzinfo=UTC)
    step = int(at.timestamp()) // 30
    code = vector[1 + list(LENGTHS).index(algorithm)]
    totp = of_the_rfc(algorithm)
    assert totp.code(step) == code
    for drift, current in ((0, step), (1, step - 1), (1, step + 1), (3, step + 3)):
        assert totp.step_of(code, current_step=current, drift=drift) == step
    assert totp.step_of(code, current_step=step + 2, drift=1) is None


def test_a_mistyped_code_has_no_step() -> None:
    totp = of_the_rfc("SHA1")
    wide = "".join(chr(0xFEE0 + ord(digit)) for digit in "94287082")
    for typed in ("94 28 70 82", " 94287082\n", wide):
        assert totp.step_of(typed, current_step=1, drift=0) == 1
    for typed in ("", "94287083", "4287082", "094287082", "9428708x", "x" * 10**6):
        assert totp.step_of(typed, current_step=1, drift=0) is None
    assert totp.step_of("94287082\ud800", current_step=1, drift=0) is None


@pytest.mark.parametrize("algorithm", LENGTHS)
def test_a_new_secret_is_as_long_as_the_hash(algorithm: TotpAlgorithm) -> None:
    one, other = (mint_totp_secret(algorithm=algorithm) for _ in range(2))
    assert len(one.secret) == LENGTHS[algorithm]
    assert one.secret != other.secret
    assert str(one.secret) not in repr(one)


def test_the_uri_is_what_applications_read() -> None:
    totp = TotpSecret(secret=b"Hello!\xde\xad\xbe\xef")
    uri = urlsplit(totp.uri(account="ann@example.com", issuer="Shop & Co"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert uri.path == "/Shop%20%26%20Co:ann%40example.com"
    assert parse_qs(uri.query) == {
        "secret": ["JBSWY3DPEHPK3PXP"],
        "issuer": ["Shop & Co"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"secret": b"x" * 9}, "secret"),
        ({"secret": "x" * 20}, "secret"),
        ({"algorithm": "MD5"}, "algorithm"),
        ({"digits": 5}, "digits"),
        ({"digits": 9}, "digits"),
        ({"period": timedelta(seconds=14)}, "period"),
        ({"period": timedelta(seconds=30.5)}, "period"),
        ({"period": timedelta(minutes=6)}, "period"),
    ],
)
def test_other_parameters_are_refused(fields: dict[str, Any], argument: str) -> None:
    with refusal_of(argument):
        TotpSecret(**{"secret": b"x" * 20, **fields})
