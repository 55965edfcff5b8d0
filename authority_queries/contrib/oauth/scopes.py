"""The scopes that a client may request."""

from collections.abc import Iterable, Sequence
from typing import Final

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.records import Client

_PERMISSION: Final = "scp:"
# Scopes of the protocol. A client needs no permission for them.
PROTOCOL_SCOPES: Final = frozenset({"openid", "offline_access"})


def permitted_scopes(client: Client) -> frozenset[str] | None:
    """Return the scopes that a client may request, or None if it may request all.

    A client with permissions for scopes (`scp:email`) may request no others.
    """
    permitted = {
        name.removeprefix(_PERMISSION)
        for name in client.permissions
        if name.startswith(_PERMISSION)
    }
    return PROTOCOL_SCOPES | permitted if permitted else None


def check_scopes(
    client: Client, requested: Sequence[str], known: Iterable[str]
) -> Sequence[str]:
    """Return the requested scopes. Raises ProtocolError.

    Each must exist in the tenant, and be permitted.
    """
    allowed = PROTOCOL_SCOPES | set(known)
    permitted = permitted_scopes(client)
    if permitted is not None:
        allowed &= permitted
    if not allowed.issuperset(requested):
        message = "a scope does not exist, or is not the client's"
        raise ProtocolError("invalid_scope", message)
    return requested
