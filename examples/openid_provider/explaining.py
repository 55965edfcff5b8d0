"""The names and descriptions of scopes, for people."""

from collections.abc import Sequence

from authority_queries.contrib.oauth import AsyncProvider
from authority_queries.records import Scope


async def explain(provider: AsyncProvider, names: Sequence[str]) -> Sequence[Scope]:
    """Return the tenant's scopes with these names, in order, offline_access last."""
    async with provider.unit() as store:
        found = await store.scopes.resolve(tenant_id=provider.tenant_id, names=names)
    return sorted(
        found,
        key=lambda scope: (scope.name == "offline_access", names.index(scope.name)),
    )
