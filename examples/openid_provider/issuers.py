"""Which tenant a request is for: by its host name."""

import secrets
from collections.abc import Mapping

from fastapi import HTTPException, Request

from authority_queries import AsyncAuthority, Keyring
from authority_queries.contrib.oauth import AsyncProvider, ProviderSettings

PASSWORD = "urn:example:password"  # noqa: S105 -- an acr
TWO_FACTORS = "urn:example:two-factors"


class Issuers:
    """The issuer of each host. `codes` has the code of its tenant."""

    def __init__(self, scheme: str, codes: Mapping[str, str]) -> None:
        self._scheme = scheme
        self._codes = codes
        self._providers: dict[str, AsyncProvider] = {}
        # In production both come from a secret manager, and stay the same.
        self._keyring = Keyring(current="1", keys={"1": secrets.token_bytes(32)})
        self._derivation_key = secrets.token_bytes(32)

    async def connect(self, authority: AsyncAuthority) -> None:
        """Make the provider of each tenant, and its first signing key."""
        for host, code in self._codes.items():
            tenant_id = await authority.find_tenant(code)
            if tenant_id is None:
                message = f"no tenant {code}"
                raise LookupError(message)
            settings = ProviderSettings(
                issuer=f"{self._scheme}://{host}",
                keyring=self._keyring,
                derivation_key=self._derivation_key,
                registration="open",
                acr_values_supported=(PASSWORD, TWO_FACTORS),
            )
            provider = AsyncProvider(authority, tenant_id, settings)
            await provider.rotate_keys()
            self._providers[host] = provider

    async def of(self, request: Request) -> AsyncProvider:
        """Return the issuer of a request."""
        provider = self._providers.get(request.headers.get("host", ""))
        if provider is None:
            raise HTTPException(404)
        return provider
