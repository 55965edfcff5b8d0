"""Authlib's grant of devices on device codes of the store (RFC 8628)."""

from collections.abc import Collection
from typing import ClassVar

from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
)
from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)

from authority_queries.contrib.authlib.authenticating import METHODS
from authority_queries.contrib.authlib.clients import Client
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.models import (
    StoredDevice,
    User,
)
from authority_queries.contrib.authlib.requests import translated
from authority_queries.contrib.authlib.strings import read_strings


class StoredDevices(DeviceCodeGrant):
    """Authlib's DeviceCodeGrant with device codes of the store."""

    TOKEN_ENDPOINT_AUTH_METHODS: Collection[str] = METHODS
    issuer: ClassVar[Issuer]

    def authenticate_token_endpoint_client(self) -> Client:
        """Authenticate the client, for which the database counts the poll."""
        client = super().authenticate_token_endpoint_client()
        self.request.client = client
        assert isinstance(client, Client)  # noqa: S101 -- of query_client
        return client

    def query_device_credential(self, device_code: str) -> StoredDevice | None:
        """Count the poll, and return its answer. None: the code is not the client's."""
        issuer, provider = self.issuer, self.issuer.provider
        found = next(
            read_strings(provider, device_code, "device_code", of_application=False),
            None,
        )
        if found is None:
            return None
        with translated():
            presenter = issuer.present(self.request)
        client_id = presenter.client.client_id
        with translated(), provider.unit() as store:
            poll = store.device_authorizations.poll(
                tenant_id=provider.tenant_id,
                device_code_hash=found.hash,
                client_id=client_id,
                cnf_jkt=presenter.jkt,
            )
            if poll.outcome == "invalid":
                return None
            code = store.tokens.get_by_hash(
                tenant_id=provider.tenant_id, token_hash=found.hash
            )
        return StoredDevice(found, client_id, poll.outcome, code)

    def validate_device_credential(self, credential: StoredDevice) -> User | None:
        """Return the user who approved. Raises OAuth2Error."""
        match credential.outcome:
            case "approved":
                code = credential.code
                return self.issuer.find_user(None if code is None else code.user_id)
            case "access_denied":
                raise AccessDeniedError
            case "expired_token":
                raise ExpiredTokenError
            case "slow_down":
                raise SlowDownError
            case _:
                raise AuthorizationPendingError
