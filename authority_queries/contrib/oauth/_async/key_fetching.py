"""Fetches key sets from the jwks_uri of clients."""

import logging
from typing import Final, TypeVar

from authority_queries.contrib.oauth.client_keys import (
    SET_OCTETS,
    KeptKeys,
    KeysMissingError,
    usable_keys,
)
from authority_queries.contrib.oauth.fetching import AsyncSender
from authority_queries.engine.calls import AsyncCall, AsyncLock
from authority_queries.engine.json_types import JsonObject
from authority_queries.records import Client

Result = TypeVar("Result")
_logger: Final = logging.getLogger("authority_queries.oauth")


class AsyncClientKeys:
    """The keys of clients: those of their rows, or of their jwks_uri."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender
        self._kept = KeptKeys()
        self._flights: dict[str, AsyncLock] = {}

    def find(self, client: Client) -> JsonObject | None:
        """Return the keys of a known client. Raises KeysMissingError.

        None: its jwks_uri did not answer less than a minute ago.
        """
        if client.json_web_key_set is not None or client.jwks_uri is None:
            return client.json_web_key_set
        keys = self._kept.find(client.jwks_uri)
        if keys is None:
            self.ask_again(client)
        return keys

    def ask_again(self, client: Client) -> None:
        """Raise KeysMissingError if the client may have newer keys.

        A jwks_uri is fetched at most once a minute.
        """
        url = client.jwks_uri
        if url is not None and self._kept.is_due(url):
            raise KeysMissingError(client.client_id, url)

    async def supply(self, attempt: AsyncCall[Result]) -> Result:
        """Return the result of an attempt. Fetch missing keys, and repeat it once."""
        try:
            return await attempt()
        except KeysMissingError as missing:
            await self._fetch_once(missing)
        return await attempt()

    async def _fetch_once(self, missing: KeysMissingError) -> None:
        """Fetch the keys. Callers that need the same keys wait for one request."""
        url = missing.url
        async with self._flights.setdefault(url, AsyncLock()):
            if self._kept.is_due(url):
                await self._fetch(url, missing.client_id)
        self._flights.pop(url, None)

    async def _fetch(self, url: str, client_id: str) -> None:
        try:
            fetched = await self._sender.fetch(url, most_octets=SET_OCTETS)
            keys = usable_keys(fetched.document)
        except (OSError, ValueError) as error:
            self._kept.keep_failure(url)
            _logger.warning(
                "client %r: its jwks_uri cannot be used: %s", client_id, error
            )
        else:
            self._kept.keep(url, keys, fetched.max_age)
