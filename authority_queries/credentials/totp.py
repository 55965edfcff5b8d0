"""Time-based one-time passwords (RFC 6238): secrets, their URIs, and codes.

`cryptography` computes the codes. It has no check that names the time step of a code,
which the store needs to accept each step once.
"""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from authority_queries.engine.checks import (
    exact_duration,
    instance,
    int8,
    octets,
    one_of,
    text,
)
from authority_queries.engine.refusals import refusal

TotpAlgorithm = Literal["SHA1", "SHA256", "SHA512"]

# The key lengths of RFC 6238's reference implementation: those of the hash functions.
_OCTETS: Final[dict[TotpAlgorithm, int]] = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
_HASHES: Final[dict[TotpAlgorithm, type[SHA1 | SHA256 | SHA512]]] = {
    "SHA1": SHA1,
    "SHA256": SHA256,
    "SHA512": SHA512,
}
_FEWEST_DIGITS, _MOST_DIGITS = 6, 8
_SHORTEST, _LONGEST = timedelta(seconds=15), timedelta(minutes=5)
_SECOND: Final = timedelta(seconds=1)
# Imported secrets are often as short as 10 octets.
_secret: Final = octets(10, 256)
_algorithm: Final = one_of(*_OCTETS)
_label: Final = text(1, 256)
_LONGEST_TYPED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpSecret:
    """A secret shared with a user's application, and how that computes codes.

    Many applications support only SHA1, 6 digits and 30 seconds. `mint_totp_secret`
    makes a new one; this class takes those of another system, of 10 octets or more.
    Raises InvalidArgumentError.
    """

    secret: bytes = field(repr=False)
    algorithm: TotpAlgorithm = "SHA1"
    digits: int = 6
    period: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        _secret("secret", self.secret)
        _algorithm("algorithm", self.algorithm)
        if not _FEWEST_DIGITS <= int8("digits", self.digits) <= _MOST_DIGITS:
            raise refusal("digits", f"must be {_FEWEST_DIGITS} to {_MOST_DIGITS}")
        period = exact_duration("period", self.period)
        if period % _SECOND or not _SHORTEST <= period <= _LONGEST:
            raise refusal("period", "must be full seconds, from 15 to 300")

    def code(self, step: int) -> str:
        """Return the code of a time step: the number of periods since 1970."""
        hotp = HOTP(
            self.secret,
            self.digits,
            _HASHES[self.algorithm](),
            enforce_key_length=False,
        )
        return hotp.generate(int8("step", step)).decode("ascii")

    def uri(self, *, account: str, issuer: str) -> str:
        """Return the otpauth URI, which applications read as a QR code.

        The URI contains the secret: show it once, over TLS, and log it nowhere.
        """
        totp = TOTP(
            self.secret,
            self.digits,
            _HASHES[self.algorithm](),
            self.period // _SECOND,
            enforce_key_length=False,
        )
        return totp.get_provisioning_uri(
            _label("account", account), _label("issuer", issuer)
        )

    def step_of(self, code: str, *, current_step: int, drift: int) -> int | None:
        """Return the time step of a typed code, or None.

        Only steps at most `drift` before or after the current one are tried. Spaces do
        not matter. The time does not depend on which code is right.
        """
        typed = _digits_of(code)
        found = [
            step
            for step in range(max(current_step - drift, 0), current_step + drift + 1)
            if hmac.compare_digest(typed, self.code(step).encode("ascii"))
        ]
        return found[0] if found else None


def mint_totp_secret(
    *,
    algorithm: TotpAlgorithm = "SHA1",
    digits: int = 6,
    period: timedelta = timedelta(seconds=30),
) -> TotpSecret:
    """Return a new secret, as long as the hash function's result (RFC 6238 section 3).

    Raises InvalidArgumentError.
    """
    _algorithm("algorithm", algorithm)
    return TotpSecret(
        secret=secrets.token_bytes(_OCTETS[algorithm]),
        algorithm=algorithm,
        digits=digits,
        period=period,
    )


def _digits_of(code: str) -> bytes:
    """Return a typed code without spaces, digits of other scripts as ASCII."""
    typed = instance(str)("code", code)[:_LONGEST_TYPED]
    digits = "".join(unicodedata.normalize("NFKC", typed).split())
    return digits.encode("utf-8", "replace")
