"""Signatures: ID tokens, logout tokens, client assertions and DPoP proofs."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import ascii_letters, digits
from typing import Final, TypeAlias, cast
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey, import_key

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.secrets.signing_keys import SigningKey

# Asymmetric algorithms (RFC 9449 section 11.6); no HMAC, and no "none".
ALGORITHMS: Final = ("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384",
                     "PS512", "RS256", "RS384", "RS512")  # fmt: skip
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LONGEST: Final = 16384
# What the parts of a JWT that a stranger wrote may raise: also deep JSON, and members
# of any type.
_BROKEN: Final = (
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)
# Times before 1970 and after 2100 are refused: sums with them could overflow.
_LAST: Final = 4102444800
_PORTS: Final = {"https": ":443", "http": ":80"}
_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(f"{ascii_letters}{digits}-._~")
PrivateKey: TypeAlias = ECKey | RSAKey | OKPKey
_KEYS: Final[Mapping[str, type[PrivateKey]]] = {
    "EC": ECKey,
    "RSA": RSAKey,
    "OKP": OKPKey,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A checked JWT: its claims, and who may use its jti until when."""

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
    return _base64url(digest[: len(digest) // 2])


def read_id_token(
    token: str, keys: JsonObject, issuer: str
) -> Mapping[str, JsonValue] | None:
    """Return the claims of an ID token that a key of this issuer signed, or None.

    Its expiry is not checked: a hint may have expired.
    """
    try:
        claims = _verified(token, keys)
    except _BROKEN:
        return None
    return claims if claims.get("iss") == issuer else None


def is_public_key_set(keys: JsonObject) -> bool:
    """Return whether a JWK set has only public keys (RFC 7517)."""
    listed = keys.get("keys")
    return isinstance(listed, list) and all(
        isinstance(key, dict) and _PRIVATE.isdisjoint(key) for key in listed
    )


def issuer_of(assertion: str) -> str:
    """Return who says to have signed a JWT, unchecked. Raises ProtocolError."""
    try:
        claims = _claims(jws.extract_compact(assertion[:_LONGEST].encode()).payload)
    except _BROKEN:
        raise _refused("invalid_client", "the client assertion") from None
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else ""


def verified_claims(assertion: str, keys: JsonObject) -> Mapping[str, JsonValue]:
    """Return the claims of a JWT that a key of the client signed.

    Raises ProtocolError.
    """
    try:
        return _verified(assertion, keys)
    except _BROKEN:
        raise _refused("invalid_client", "the client assertion") from None


def read_unverified(assertion: str) -> tuple[str | None, Mapping[str, JsonValue]]:
    """Return the kid and the claims of a client's JWT. Raises ProtocolError.

    They only decide whether it is worth while to fetch the client's keys.
    """
    try:
        unverified = jws.extract_compact(assertion[:_LONGEST].encode())
        header, claims = unverified.headers(), _claims(unverified.payload)
        kid = header.get("kid")
        if header["alg"] not in ALGORITHMS or not isinstance(kid, str | None):
            raise ValueError
    except _BROKEN:
        raise _refused("invalid_client", "the client assertion") from None
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
    expires_at = _moment(claims.get("exp"), "invalid_client")
    begins_at = claims.get("nbf", 0)
    if (
        claims.get("iss") != client_id
        or claims.get("sub") != client_id
        or not named
        or not all(isinstance(name, str) and name in audiences for name in named)
        or expires_at + skew <= now
        or _moment(begins_at, "invalid_client") - skew > now
    ):
        raise _refused("invalid_client", "the client assertion")
    return Assertion(
        claims=claims, jti=_text(claims.get("jti")), expires_at=expires_at + skew
    )


def check_proof(
    proof: str,
    *,
    method: str,
    url: str,
    access_token: str | None,
    now: datetime,
    lifetime: timedelta,
    skew: timedelta,
) -> tuple[str, Assertion]:
    """Check a DPoP proof (RFC 9449 section 4.3). Return the thumbprint of its key.

    Raises ProtocolError.
    """
    try:
        key, claims = _proof_of(proof)
    except _BROKEN:
        raise _refused("invalid_dpop_proof", "the DPoP proof") from None
    issued_at = _moment(claims.get("iat"), "invalid_dpop_proof")
    expires_at = issued_at + lifetime + skew
    if (
        claims.get("htm") != method
        or _normal_url(claims.get("htu")) != _normal_url(url)
        or issued_at - skew > now
        or expires_at <= now
        or not _has_hash(claims.get("ath"), access_token)
    ):
        raise _refused("invalid_dpop_proof", "the DPoP proof")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise _refused("invalid_dpop_proof", "the DPoP proof")
    return key.thumbprint(), Assertion(claims=claims, jti=jti, expires_at=expires_at)


def _verified(token: str, keys: JsonObject) -> Mapping[str, JsonValue]:
    public = KeySet.import_key_set({"keys": _keys_of(keys)})
    found = jws.deserialize_compact(token[:_LONGEST], public, algorithms=ALGORITHMS)
    return _claims(found.payload)


def _keys_of(keys: JsonObject) -> list[dict[str, str | list[str]]]:
    """Return the public keys of a set that sign."""
    found = keys["keys"]
    if not isinstance(found, list):
        raise TypeError
    listed = cast("list[dict[str, str | list[str]]]", found)
    return [key for key in listed if key.get("use", "sig") == "sig"]


def _proof_of(proof: str) -> tuple[PrivateKey, Mapping[str, JsonValue]]:
    unverified = jws.extract_compact(proof[:_LONGEST].encode())
    header = unverified.headers()
    jwk = header["jwk"]
    if header.get("typ") != "dpop+jwt" or _PRIVATE & jwk.keys():
        raise ValueError
    key = import_key(jwk)
    if not isinstance(key, PrivateKey):
        raise TypeError
    found = jws.deserialize_compact(proof[:_LONGEST], key, algorithms=ALGORITHMS)
    return key, _claims(found.payload)


def _claims(payload: bytes) -> Mapping[str, JsonValue]:
    claims: JsonValue = json.loads(payload)
    if not isinstance(claims, dict):
        raise TypeError
    return claims


def _has_hash(ath: JsonValue, access_token: str | None) -> bool:
    if access_token is None:
        return True
    digest = hashlib.sha256(access_token.encode()).digest()
    return isinstance(ath, str) and hmac.compare_digest(
        ath.encode(), _base64url(digest).encode()
    )


def _moment(seconds: JsonValue, error: ErrorCode) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _refused(error, "a time")
    if not 0 <= seconds <= _LAST:  # also false for NaN
        raise _refused(error, "a time")
    return datetime.fromtimestamp(seconds, tz=UTC)


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not value:
        raise _refused("invalid_client", "jti")
    return value


def _normal_url(url: JsonValue) -> str:
    """Return a URL for comparison, without its query and fragment.

    The scheme, the host, the port and the percent-encoding are normalized (RFC 3986
    sections 6.2.2 and 6.2.3). Raises ProtocolError.
    """
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        raise _refused("invalid_dpop_proof", "htu") from None
    host = parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, ""))
    path = _ESCAPE.sub(_normal_escape, parts.path or "/")
    return f"{parts.scheme}://{host}{path}"


def _normal_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _refused(error: ErrorCode, what: str) -> ProtocolError:
    return ProtocolError(error, f"{what} is not valid")
