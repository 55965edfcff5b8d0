"""Requests for a token exchange (RFC 8693 section 2.1)."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.presented import parse_grant
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.secrets import TokenString

ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- a type


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """The access tokens of a request."""

    subject: TokenString
    actor: TokenString | None


def read_exchange(parameters: Parameters, tenant_id: UUID) -> Exchanged:
    """Return the tokens to exchange. Raises ProtocolError."""
    if parameters.get("requested_token_type") not in {None, ACCESS_TOKEN}:
        message = "requested_token_type is not supported"
        raise ProtocolError("invalid_request", message)
    if parameters.all("audience"):
        message = "audience is not supported: request a resource"
        raise ProtocolError("invalid_target", message)
    has_actor = bool({"actor_token", "actor_token_type"} & parameters.names())
    return Exchanged(
        subject=_read(parameters, "subject_token", tenant_id),
        actor=_read(parameters, "actor_token", tenant_id) if has_actor else None,
    )


def _read(parameters: Parameters, name: str, tenant_id: UUID) -> TokenString:
    if parameters.require(f"{name}_type") != ACCESS_TOKEN:
        message = f"{name}_type is not supported"
        raise ProtocolError("invalid_request", message)
    token = parameters.require(name)
    try:
        return parse_grant(token, "access", tenant_id)
    except ProtocolError:
        message = f"{name} is not valid"
        raise ProtocolError("invalid_request", message) from None
