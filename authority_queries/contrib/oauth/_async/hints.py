"""ID tokens that clients send as hints."""

from collections.abc import Mapping

from authority_queries.contrib.oauth.context import Context
from authority_queries.contrib.oauth.jose import read_id_token
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.engine.json_types import JsonValue
from authority_queries.repositories._async.store import AsyncStore


async def read_hint(
    store: AsyncStore, context: Context, parameters: Parameters
) -> Mapping[str, JsonValue] | None:
    """Return the claims of the id_token_hint, or None if no published key signed it."""
    hint = parameters.get("id_token_hint")
    if hint is None:
        return None
    keys = await store.signing_keys.get_jwks(tenant_id=context.tenant_id)
    return read_id_token(hint, keys.document, context.settings.issuer)
