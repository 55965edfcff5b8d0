"""The issuer of each host name."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fastapi import HTTPException, Request

from authority_queries import AsyncAuthority, Keyring
from authority_queries.contrib.oauth import (
    AsyncOutgoing,
    AsyncProvider,
    OutgoingRules,
    ProviderSettings,
)
from authority_queries.contrib.oauth.passkeys import AsyncPasskeys
from examples.openid_provider.mail import Mail, Outbox

PASSWORD = "urn:example:password"  # noqa: S105 -- an acr
TWO_FACTORS = "urn:example:two-factors"
_OCTETS = 32  # of each key


def mint_secret() -> bytes:
    """Return the keys of a new installation."""
    return secrets.token_bytes(2 * _OCTETS)


@dataclass(frozen=True)
class Site:
    """An issuer, the name and the code of its tenant, and the function for its mail.

    `passkeys` is None at http://127.0.0.1, because they need a host name.
    """

    provider: AsyncProvider
    passkeys: AsyncPasskeys | None
    name: str
    code: str
    mail: Mail


class Issuers:
    """The issuer of each host.

    `codes` has the code of each host's tenant. `secret` encrypts signing keys and
    second factors: without it, those of an earlier run cannot be read. `mail` sends
    mails.
    """

    def __init__(
        self,
        scheme: str,
        codes: Mapping[str, str],
        secret: bytes | None = None,
        mail: Mail | None = None,
    ) -> None:
        self._scheme = scheme
        self._codes = codes
        self._mail = mail or Outbox()
        self._sites: dict[str, Site] = {}
        # In development, without TLS, the clients are on this machine too.
        rules = OutgoingRules(allow_loopback=scheme == "http")
        self._sender = AsyncOutgoing(rules)
        secret = secret or mint_secret()
        self._keyring = Keyring(current="1", keys={"1": secret[:_OCTETS]})
        self._derivation_key = secret[_OCTETS:]

    async def connect(self, authority: AsyncAuthority) -> None:
        """Make the provider of each tenant, and its first signing key."""
        for host, code in self._codes.items():
            tenant_id = await authority.find_tenant(code)
            if tenant_id is None:
                message = f"no tenant has the code {code}: create it first"
                raise LookupError(message)
            provider = AsyncProvider(
                authority, tenant_id, self._settings(host), sender=self._sender
            )
            await provider.rotate_keys()
            async with provider.unit() as store:
                tenant = await store.tenants.get_by_id(tenant_id=tenant_id)
            assert tenant is not None  # noqa: S101 -- it was found above
            name = tenant.display_name
            passkeys = AsyncPasskeys.of(provider, name)
            self._sites[host] = Site(provider, passkeys, name, code, self._mail)

    def site(self, request: Request) -> Site:
        """Return the site that a request is for."""
        site = self._sites.get(request.headers.get("host", ""))
        if site is None:
            raise HTTPException(404, "no issuer has this host name")
        return site

    async def of(self, request: Request) -> AsyncProvider:
        """Return the issuer that a request is for."""
        return self.site(request).provider

    @property
    def all(self) -> Collection[AsyncProvider]:
        """The issuers of all hosts."""
        return [site.provider for site in self._sites.values()]

    def _settings(self, host: str) -> ProviderSettings:
        return ProviderSettings(
            issuer=f"{self._scheme}://{host}",
            keyring=self._keyring,
            derivation_key=self._derivation_key,
            registration="open",
            acr_values_supported=(PASSWORD, TWO_FACTORS),
        )
