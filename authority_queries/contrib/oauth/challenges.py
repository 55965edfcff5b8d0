"""Challenges to clients whose access token is refused."""

from collections.abc import Mapping
from typing import Final

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.jose import ALGORITHMS

_UNAUTHORIZED: Final = 401


def challenged(
    error: ProtocolError,
    *,
    is_dpop: bool = False,
    members: Mapping[str, str] | None = None,
) -> ProtocolError:
    """Return the refusal of an access token with its challenge.

    `members` are more parameters of the challenge (RFC 6750 section 3). `is_dpop`: the
    client used the scheme DPoP (RFC 9449 section 7.1).
    """
    shown = {
        "error": error.error,
        "error_description": error.description,
        **(members or {}),
    }
    if is_dpop:
        shown["algs"] = " ".join(ALGORITHMS)
    return ProtocolError(
        error.error,
        error.description,
        headers=_header("DPoP" if is_dpop else "Bearer", shown),
        status=_UNAUTHORIZED if error.error == "invalid_dpop_proof" else error.status,
    )


def without_token(members: Mapping[str, str] | None = None) -> ProtocolError:
    """Return the refusal of a request without a token: the challenge has no error."""
    headers = _header("Bearer", members or {})
    return ProtocolError("invalid_token", "a token is missing", headers=headers)


def _header(scheme: str, members: Mapping[str, str]) -> Mapping[str, str]:
    listed = ", ".join(f'{name}="{value}"' for name, value in members.items() if value)
    return {"www-authenticate": f"{scheme} {listed}".strip()}
