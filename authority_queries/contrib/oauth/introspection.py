"""What an introspection says of a live token."""

from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.records import VerifiedToken


def introspected(token: VerifiedToken, issuer: str) -> JsonObject:
    """Return the answer (RFC 7662 section 2.2, RFC 9470 section 6.2, RFC 9396 9.2)."""
    confirmation = {"jkt": token.cnf_jkt, "x5t#S256": token.cnf_x5t_s256}
    bound: JsonObject = {k: v for k, v in confirmation.items() if v is not None}
    members: dict[str, JsonValue] = {
        "iss": issuer,
        "sub": token.subject_id or token.account_id or token.client_id,
        "client_id": token.client_id,
        "username": token.username,
        "scope": " ".join(token.scopes),
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
