"""The state that the endpoints of one issuer share."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Final
from uuid import UUID

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.registrations import DPOP
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.records import Client
from authority_queries.secrets.signing_keys import SigningKey

# Seconds. `rotate_keys` lets retired keys verify for longer.
KEY_LIFETIME: Final = 60.0


@dataclass(slots=True)
class Context:
    """A tenant, its settings, and the signing key that was read a moment ago."""

    tenant_id: UUID
    settings: ProviderSettings
    key: SigningKey | None = field(default=None, repr=False)
    key_read_at: float = 0.0

    def fresh_key(self) -> SigningKey | None:
        """Return the key, or None if it must be read."""
        is_fresh = monotonic() - self.key_read_at < KEY_LIFETIME
        return self.key if is_fresh else None

    def keep_key(self, key: SigningKey) -> None:
        """Remember the signing key."""
        self.key, self.key_read_at = key, monotonic()

    def now(self) -> datetime:
        """Return this host's time, for the times of JWTs that others signed."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenter:
    """The client of a request, and the keys that the request proved.

    `is_authenticated` is False for a public client, which has only named itself.
    """

    client: Client
    is_authenticated: bool
    jkt: str | None = None
    x5t_s256: str | None = None

    def check_key(self) -> None:
        """Refuse a token request without a proof, if its client must send one.

        The client's metadata has dpop_bound_access_tokens (RFC 9449 section 5.2).
        Raises ProtocolError.
        """
        if self.jkt is None and DPOP in self.client.requirements:
            raise ProtocolError("invalid_dpop_proof", "a DPoP proof is missing")
