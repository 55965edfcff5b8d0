"""Clients whose client_id is the URL of their metadata document.

The draft is draft-ietf-oauth-client-id-metadata-document.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from authority_queries.contrib.oauth._async.registering import (
    create_client,
    replace_client,
)
from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.context import Context
from authority_queries.contrib.oauth.fetching import AsyncSender
from authority_queries.contrib.oauth.registrations import Metadata, read_metadata
from authority_queries.errors import ConcurrencyConflictError, DuplicateError
from authority_queries.records import Client
from authority_queries.service._async.authority import AsyncAuthority

_SHORTEST: Final = timedelta(minutes=5)
_LONGEST: Final = timedelta(days=1)
_SECRETS: Final = frozenset({"client_secret_basic", "client_secret_post"})


class AsyncMetadataDocuments:
    """Fetches the document of a client that is new, or whose document has expired."""

    def __init__(
        self, authority: AsyncAuthority, context: Context, sender: AsyncSender
    ) -> None:
        self._authority = authority
        self._context = context
        self._tenant_id = context.tenant_id
        self._sender = sender

    async def ensure(self, client_id: str | None) -> None:
        """Store the client if its client_id is a URL. Raises ProtocolError.

        The document is fetched outside a transaction.
        """
        is_allowed = self._context.settings.metadata_documents
        if not is_allowed or client_id is None or not _is_document(client_id):
            return
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            client = await store.clients.get_by_client_id(
                tenant_id=self._tenant_id, client_id=client_id
            )
        if client is not None and (
            client.metadata_valid_until is None
            or client.metadata_valid_until > self._context.now()
        ):
            return
        try:
            fetched = await self._sender.fetch(client_id)
        except OSError:
            message = "the client's metadata document cannot be fetched"
            raise ProtocolError("invalid_client", message) from None
        metadata = read_metadata(
            {"token_endpoint_auth_method": "none", **fetched.document},
            self._context.settings,
        )
        if (
            fetched.document.get("client_id") != client_id
            or metadata.method in _SECRETS
        ):
            message = "client_id or the method in the metadata document is not valid"
            raise ProtocolError("invalid_client", message)
        lifetime = min(max(fetched.max_age, _SHORTEST), _LONGEST)
        await self._write(client_id, client, metadata, lifetime)

    async def _write(
        self,
        client_id: str,
        client: Client | None,
        metadata: Metadata,
        lifetime: timedelta,
    ) -> None:
        """Write the client, unless another request was faster."""
        now = self._context.now()
        try:
            async with self._authority.tenant(self._tenant_id) as store:
                if client is None:
                    await create_client(
                        store,
                        self._tenant_id,
                        client_id,
                        metadata,
                        source="metadata_document",
                        fetched_at=now,
                        valid_until=now + lifetime,
                    )
                else:
                    await replace_client(
                        store,
                        client,
                        metadata,
                        source="metadata_document",
                        fetched_at=now,
                        valid_until=now + lifetime,
                    )
        except (DuplicateError, ConcurrencyConflictError):
            return


def _is_document(client_id: str) -> bool:
    """Return whether a client_id is the URL of a document: https, with a path."""
    try:
        parts = urlsplit(client_id)
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and parts.hostname is not None
        and parts.path not in {"", "/"}
        and not (parts.fragment or parts.username)
    )
