"""The answer about a live token, and the clients that may ask for it."""

from typing import Final

from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.records import Client, VerifiedToken

_PREFIX: Final = "ept:"
_PERMISSION: Final = "ept:introspection"


def may_introspect(client: Client, token: VerifiedToken) -> bool:
    """Return whether a client may introspect a live token (RFC 7662 section 4).

    A client may introspect its own tokens, and access tokens of others. If it has
    permissions for endpoints (`ept:token`), it needs `ept:introspection` for those of
    others: clients that register themselves do not get it.
    """
    if token.client_id == client.client_id:
        return True
    endpoints = {name for name in client.permissions if name.startswith(_PREFIX)}
    return token.type == "access" and (not endpoints or _PERMISSION in endpoints)


def introspected(token: VerifiedToken, issuer: str) -> JsonObject:
    """Return the answer (RFC 7662 section 2.2, RFC 9470 section 6.2, RFC 9396 9.2)."""
    confirmation = {"jkt": token.cnf_jkt, "x5t#S256": token.cnf_x5t_s256}
    bound: JsonObject = {k: v for k, v in confirmation.items() if v is not None}
    members: dict[str, JsonValue] = {
        "iss": issuer,
        "sub": token.subject_id or token.account_id or token.client_id,
        "client_id": token.client_id,
        "username": token.username,
        "scope": " ".join(token.scopes) or None,
        "aud": list(token.resources) or None,
        "token_type": "DPoP" if token.cnf_jkt else "Bearer",
        "exp": int(token.expires_at.timestamp()),
        "iat": int(token.created_at.timestamp()),
        "jti": str(token.id),
        "acr": token.acr,
        "amr": token.amr,
        "auth_time": int(token.authenticated_at.timestamp()) if token.user_id else None,
        "act": token.actor,
        "authorization_details": list(token.authorization_details) or None,
        "cnf": bound or None,
    }
    present = {name: value for name, value in members.items() if value is not None}
    return {"active": True, **present}
