"""How resource servers refuse a request, and which token they want instead."""

from typing import Final, Literal, TypeAlias

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.jose import ALGORITHMS
from authority_queries.contrib.oauth.outcomes import ErrorCode

Scheme: TypeAlias = Literal["Bearer", "DPoP"]
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403


def challenge(scheme: Scheme, error: ErrorCode | None, **members: str) -> str:
    """Return the header WWW-Authenticate (RFC 6750 section 3, RFC 9449 section 7.1).

    Without a token there is no error (RFC 6750 section 3.1).
    """
    shown = {"error": error or "", **members}
    if scheme == "DPoP":
        shown["algs"] = " ".join(ALGORITHMS)
    listed = ", ".join(f'{name}="{value}"' for name, value in shown.items() if value)
    return f"{scheme} {listed}".strip()


def challenged(
    error: ErrorCode | None, description: str, *, scheme: Scheme = "Bearer"
) -> ProtocolError:
    """Return the refusal of a request with its challenge. None: it has no token."""
    described = {"error_description": description} if error else {}
    return ProtocolError(
        error or "invalid_token",
        description,
        headers={"www-authenticate": challenge(scheme, error, **described)},
        status=_FORBIDDEN if error == "insufficient_scope" else _UNAUTHORIZED,
    )


def scheme_of(scheme: str, jkt: str | None = None) -> Scheme:
    """Return the scheme for a token: DPoP if it came so, or is bound to a key."""
    return "DPoP" if scheme == "dpop" or jkt is not None else "Bearer"
