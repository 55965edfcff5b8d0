"""DPoP proofs (RFC 9449)."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from string import ascii_letters, digits
from typing import Final
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.jwk import import_key

from authority_queries.contrib.oauth.jose import (
    ALGORITHMS,
    BROKEN,
    LONGEST,
    PRIVATE,
    Assertion,
    PrivateKey,
    base64url,
    claims_of,
    moment,
    refused,
)
from authority_queries.engine.json_types import JsonValue

_PORTS: Final = {"https": ":443", "http": ":80"}
_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(f"{ascii_letters}{digits}-._~")


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
    except BROKEN:
        raise refused("invalid_dpop_proof", "the DPoP proof") from None
    issued_at = moment(claims.get("iat"), "invalid_dpop_proof")
    expires_at = issued_at + lifetime + skew
    if (
        claims.get("htm") != method
        or _normal_url(claims.get("htu")) != _normal_url(url)
        or issued_at - skew > now
        or expires_at <= now
        or not _has_hash(claims.get("ath"), access_token)
    ):
        raise refused("invalid_dpop_proof", "the DPoP proof")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise refused("invalid_dpop_proof", "the DPoP proof")
    return key.thumbprint(), Assertion(claims=claims, jti=jti, expires_at=expires_at)


def _proof_of(proof: str) -> tuple[PrivateKey, Mapping[str, JsonValue]]:
    unverified = jws.extract_compact(proof[:LONGEST].encode())
    header = unverified.headers()
    jwk = header["jwk"]
    if header.get("typ") != "dpop+jwt" or PRIVATE & jwk.keys():
        raise ValueError
    key = import_key(jwk)
    if not isinstance(key, PrivateKey):
        raise TypeError
    found = jws.deserialize_compact(proof[:LONGEST], key, algorithms=ALGORITHMS)
    return key, claims_of(found.payload)


def _has_hash(ath: JsonValue, access_token: str | None) -> bool:
    if access_token is None:
        return True
    digest = hashlib.sha256(access_token.encode()).digest()
    return isinstance(ath, str) and hmac.compare_digest(
        ath.encode(), base64url(digest).encode()
    )


def _normal_url(url: JsonValue) -> str:
    """Return a URL for comparison, without its query and fragment.

    The scheme, the host, the port and the percent-encoding are normalized (RFC 3986
    sections 6.2.2 and 6.2.3). Raises ProtocolError.
    """
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        raise refused("invalid_dpop_proof", "htu") from None
    host = parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, ""))
    path = _ESCAPE.sub(_normal_escape, parts.path or "/")
    return f"{parts.scheme}://{host}{path}"


def _normal_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()
