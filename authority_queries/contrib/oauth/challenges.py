"""Challenges to clients whose access token is refused."""

from collections.abc import Mapping
from typing import Final

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.jose import ALGORITHMS
from authority_queries.records import VerifiedToken
from authority_queries.repositories.values import is_confirmed

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


def needs_proof(token: VerifiedToken | None, scheme: str) -> bool:
    """Return whether the challenge must have the scheme DPoP, as for a bound token."""
    return scheme == "dpop" or (token is not None and token.cnf_jkt is not None)


def check_presented(
    token: VerifiedToken | None, scheme: str, jkt: str | None, x5t_s256: str | None
) -> VerifiedToken:
    """Return the token if it is live and the request proved its key.

    `jkt` and `x5t_s256` are the thumbprints of the proven key and certificate. The
    scheme DPoP needs a proof (RFC 9449 section 7.1). Raises ProtocolError.
    """
    if (
        token is None
        or not is_confirmed(token, jkt=jkt, x5t_s256=x5t_s256)
        or (scheme == "dpop" and jkt is None)
    ):
        raise ProtocolError("invalid_token", "the token is not valid")
    return token


def without_token(members: Mapping[str, str] | None = None) -> ProtocolError:
    """Return the refusal of a request without a token: the challenge has no error."""
    headers = _header("Bearer", members or {})
    return ProtocolError("invalid_token", "a token is missing", headers=headers)


def _header(scheme: str, members: Mapping[str, str]) -> Mapping[str, str]:
    listed = ", ".join(f'{name}="{value}"' for name, value in members.items() if value)
    return {"www-authenticate": f"{scheme} {listed}".strip()}
