"""Which scopes a client may request."""

from collections.abc import Iterable, Sequence

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.records import Client

_PERMISSION = "scp:"
# Scopes of the protocol that no client needs a permission for.
_ALWAYS = frozenset({"openid", "offline_access"})


def check_scopes(
    client: Client, requested: Sequence[str], known: Iterable[str]
) -> Sequence[str]:
    """Return the requested scopes. Raises ProtocolError.

    Each must exist in the tenant. A client with permissions for scopes (`scp:email`)
    may request no others.
    """
    permitted = {
        name.removeprefix(_PERMISSION)
        for name in client.permissions
        if name.startswith(_PERMISSION)
    }
    names = set(known) | _ALWAYS
    for scope in requested:
        if scope not in names or (permitted and scope not in permitted | _ALWAYS):
            message = "a scope does not exist, or is not the client's"
            raise ProtocolError("invalid_scope", message)
    return requested
