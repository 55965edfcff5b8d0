"""Passkeys of an issuer. They need the extra `passkeys`."""

from authority_queries.contrib.oauth._async.passkeys import AsyncPasskeys
from authority_queries.contrib.oauth._sync.passkeys import Passkeys
from authority_queries.contrib.oauth.ceremonies import Ceremony

__all__ = ["AsyncPasskeys", "Ceremony", "Passkeys"]
