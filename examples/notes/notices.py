"""Notices of sign-outs at the issuer (OpenID Connect Back-Channel Logout 1.0)."""

from collections.abc import Mapping
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import InvalidClaimError, InvalidKeyIdError, MissingClaimError
from joserfc.jwk import KeySet, KeySetSerialization

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_SKEW = 30  # seconds


class Issuer(Protocol):
    """The parts of Authlib's StarletteOAuth2App that are used here."""

    client_id: str

    async def load_server_metadata(self) -> Mapping[str, Any]:
        """Return the metadata, which it fetches once."""
        ...

    async def fetch_jwk_set(self, *, force: bool = False) -> KeySetSerialization:
        """Return the keys. With `force`, fetch them again."""
        ...


async def read_notice(client: Issuer, token: str) -> Mapping[str, Any]:
    """Return the claims of a logout token, checked as section 2.6 requires.

    Raises JoseError. Authlib checks ID tokens, but not logout tokens.
    """
    metadata = await client.load_server_metadata()
    try:
        claims = await _verified(client, token)
    except InvalidKeyIdError:  # the issuer has a new key
        claims = await _verified(client, token, is_new=True)
    jwt.JWTClaimsRegistry(
        leeway=_SKEW,
        iss={"essential": True, "value": metadata["issuer"]},
        aud={"essential": True, "value": client.client_id},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
    ).validate(dict(claims))
    events = claims.get("events")
    if not isinstance(events, Mapping) or _EVENT not in events or "nonce" in claims:
        raise InvalidClaimError("events")  # an ID token, for example
    if not (claims.get("sid") or claims.get("sub")):
        raise MissingClaimError("sid")
    return claims


async def _verified(
    client: Issuer, token: str, *, is_new: bool = False
) -> Mapping[str, Any]:
    metadata = await client.load_server_metadata()
    keys = KeySet.import_key_set(await client.fetch_jwk_set(force=is_new))
    algorithms = metadata["id_token_signing_alg_values_supported"]
    return jwt.decode(token, keys, algorithms=algorithms).claims
