"""DPoP proofs (RFC 9449)."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from joserfc import jws
from joserfc.jwk import import_key

from authority_queries.contrib.oauth.jose import (
    ALGORITHMS,
    BROKEN,
    LONGEST,
    PRIVATE_MEMBERS,
    Assertion,
    PrivateKey,
    base64url,
    claims_of,
    moment,
    refused,
)
from authority_queries.contrib.oauth.urls import normal_url
from authority_queries.engine.json_types import JsonValue


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
        or normal_url(str(claims.get("htu"))) != normal_url(url)
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
    if header.get("typ") != "dpop+jwt" or PRIVATE_MEMBERS & jwk.keys():
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
