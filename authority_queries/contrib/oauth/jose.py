"""Signatures: ID tokens, logout tokens and client assertions."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, cast

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.secrets.signing_keys import SigningKey

# Asymmetric algorithms (RFC 9449 section 11.6); no HMAC, and no "none".
ALGORITHMS: Final = ("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384",
                     "PS512", "RS256", "RS384", "RS512")  # fmt: skip
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
LONGEST: Final = 16384
# Errors of the parsers for a JWT that a stranger wrote: also for deep JSON, and for
# members of any type.
BROKEN: Final = (
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)
# Times before 1970 and after 2100 are refused: sums with them could overflow.
_LAST: Final = 4102444800
PrivateKey: TypeAlias = ECKey | RSAKey | OKPKey
_KEYS: Final[Mapping[str, type[PrivateKey]]] = {
    "EC": ECKey,
    "RSA": RSAKey,
    "OKP": OKPKey,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A checked JWT. Its jti must be remembered until `expires_at`."""

    claims: Mapping[str, JsonValue]
    jti: str
    expires_at: datetime


def sign(key: SigningKey, claims: JsonObject, typ: str) -> str:
    """Return a signed JWT with the kid of the key in its header."""
    header = {"alg": key.alg, "kid": key.kid, "typ": typ}
    return jwt.encode(header, dict(claims), signer_of(key), algorithms=[key.alg])


def signer_of(key: SigningKey) -> PrivateKey:
    """Return the private key for joserfc."""
    return _KEYS[str(key.public_jwk["kty"])].import_key(key.private_key)


def half_hash(token: str, alg: str) -> str:
    """Return the at_hash of a token (OpenID Connect Core section 3.1.3.6)."""
    name = "sha512" if alg in {"EdDSA", "Ed25519"} else f"sha{alg[2:]}"
    digest = hashlib.new(name, token.encode()).digest()
    return base64url(digest[: len(digest) // 2])


def read_id_token(
    token: str, keys: JsonObject, issuer: str
) -> Mapping[str, JsonValue] | None:
    """Return the claims of an ID token that a key of this issuer signed, or None.

    Its expiry is not checked: a hint may have expired.
    """
    try:
        claims = _verified(token, keys)
    except BROKEN:
        return None
    return claims if claims.get("iss") == issuer else None


def issuer_of(assertion: str) -> str:
    """Return the `iss` of a JWT that is not verified. Raises ProtocolError."""
    try:
        claims = claims_of(jws.extract_compact(assertion[:LONGEST].encode()).payload)
    except BROKEN:
        raise refused("invalid_client", "the client assertion") from None
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else ""


def verified_claims(assertion: str, keys: JsonObject) -> Mapping[str, JsonValue]:
    """Return the claims of a JWT that a key of the client signed.

    Raises ProtocolError.
    """
    try:
        return _verified(assertion, keys)
    except BROKEN:
        raise refused("invalid_client", "the client assertion") from None


def read_unverified(assertion: str) -> tuple[str | None, Mapping[str, JsonValue]]:
    """Return the kid and the claims of a client's JWT. Raises ProtocolError.

    Nothing is verified. They only decide whether the client's keys are fetched.
    """
    try:
        unverified = jws.extract_compact(assertion[:LONGEST].encode())
        header, claims = unverified.headers(), claims_of(unverified.payload)
        kid = header.get("kid")
        if header["alg"] not in ALGORITHMS or not isinstance(kid, str | None):
            raise ValueError
    except BROKEN:
        raise refused("invalid_client", "the client assertion") from None
    return kid, claims


def check_claims(
    claims: Mapping[str, JsonValue],
    *,
    client_id: str,
    audiences: frozenset[str],
    now: datetime,
    skew: timedelta,
) -> Assertion:
    """Check the claims of a client's JWT (RFC 7523 section 3). Raises ProtocolError."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    expires_at = moment(claims.get("exp"), "invalid_client")
    begins_at = claims.get("nbf", 0)
    if (
        claims.get("iss") != client_id
        or claims.get("sub") != client_id
        or not named
        or not all(isinstance(name, str) and name in audiences for name in named)
        or expires_at + skew <= now
        or moment(begins_at, "invalid_client") - skew > now
    ):
        raise refused("invalid_client", "the client assertion")
    return Assertion(
        claims=claims, jti=_text(claims.get("jti")), expires_at=expires_at + skew
    )


def _verified(token: str, keys: JsonObject) -> Mapping[str, JsonValue]:
    public = KeySet.import_key_set({"keys": _keys_of(keys)})
    found = jws.deserialize_compact(token[:LONGEST], public, algorithms=ALGORITHMS)
    return claims_of(found.payload)


def _keys_of(keys: JsonObject) -> list[dict[str, str | list[str]]]:
    """Return the public keys of a set that sign."""
    found = keys["keys"]
    if not isinstance(found, list):
        raise TypeError
    listed = cast("list[dict[str, str | list[str]]]", found)
    return [key for key in listed if key.get("use", "sig") == "sig"]


def claims_of(payload: bytes) -> Mapping[str, JsonValue]:
    """Return the claims of a JWT. Raises one of BROKEN."""
    claims: JsonValue = json.loads(payload)
    if not isinstance(claims, dict):
        raise TypeError
    return claims


def moment(seconds: JsonValue, error: ErrorCode) -> datetime:
    """Return a time of a JWT. Raises ProtocolError."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise refused(error, "a time")
    if not 0 <= seconds <= _LAST:  # also false for NaN
        raise refused(error, "a time")
    return datetime.fromtimestamp(seconds, tz=UTC)


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not value:
        raise refused("invalid_client", "jti")
    return value


def base64url(octets: bytes) -> str:
    """Return octets without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def refused(error: ErrorCode, what: str) -> ProtocolError:
    """Return the refusal of a JWT."""
    return ProtocolError(error, f"{what} is not valid")
