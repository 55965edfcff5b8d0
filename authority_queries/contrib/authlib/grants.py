"""Authlib's grants, decided by contrib.oauth.

Authlib's own grants read a code, and then write a token. These grants let the database
do both in one statement. A subclass may use hooks and extensions of Authlib.
"""

from collections.abc import Callable, Collection
from typing import ClassVar, TypeAlias

from authlib.oauth2.rfc6749 import (
    BaseGrant,
    TokenEndpointMixin,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.hooks import hooked
from authlib.oidc.core.grants import OpenIDToken

from authority_queries.contrib.authlib.authenticating import CONFIDENTIAL, METHODS
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.requests import Response, respond, translated
from authority_queries.contrib.oauth import Answer
from authority_queries.contrib.oauth.context import Presenter
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.errors import ConfigurationError
from authority_queries.repositories._sync.store import Store

Redemption: TypeAlias = Callable[[Store, Presenter, Parameters], Answer]


class StoreGrant(BaseGrant, TokenEndpointMixin):
    """A grant of the token endpoint. `Issuer.bind` sets `issuer`."""

    TOKEN_ENDPOINT_AUTH_METHODS: Collection[str] = METHODS
    issuer: ClassVar[Issuer]

    def register_hook(self, hook_type: str, hook: Callable[..., None]) -> None:
        """Register the hook of an extension, unless it is an OpenIDCode."""
        if isinstance(getattr(hook, "__self__", None), OpenIDToken):
            message = (
                "delete OpenIDCode: the answers of this grant have ID tokens. To keep "
                "its hooks, inherit from StoredCodes"
            )
            raise ConfigurationError(message)
        super().register_hook(hook_type, hook)

    @hooked
    def validate_token_request(self) -> None:
        """Authenticate the client. The database judges everything else."""
        self.authenticate()

    def authenticate(self) -> None:
        """Authenticate the client, as Authlib does, and check its registration."""
        client = self.authenticate_token_endpoint_client()
        self.request.client = client
        if not client.check_grant_type(str(self.GRANT_TYPE)):
            message = f"The client is not authorized to use {self.GRANT_TYPE}"
            raise UnauthorizedClientError(message)

    @hooked
    def create_token_response(self) -> Response:  # pyright: ignore[reportIncompatibleMethodOverride]  # types-Authlib has a text
        """Redeem the grant, and return the tokens."""
        provider = self.issuer.provider
        with translated():
            presenter = self.issuer.present(self.request)
            presenter.check_key()
            parameters = Parameters(self.issuer.read(self.request).parameters)
            with provider.unit() as store:
                return respond(self.redemption()(store, presenter, parameters))

    def redemption(self) -> Redemption:
        """Return the method of contrib.oauth for this grant."""
        raise NotImplementedError


class RefreshTokenGrant(StoreGrant):
    """Rotates a refresh token (RFC 6749 section 6)."""

    GRANT_TYPE = "refresh_token"

    def redemption(self) -> Redemption:
        """Return the method of contrib.oauth for this grant."""
        return self.issuer.provider.token.refresh


class ClientCredentialsGrant(StoreGrant):
    """Issues a token to the client itself (RFC 6749 section 4.4)."""

    GRANT_TYPE = "client_credentials"
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    def redemption(self) -> Redemption:
        """Return the method of contrib.oauth for this grant."""
        return self.issuer.provider.token.issue_to_client


class DeviceCodeGrant(StoreGrant):
    """Answers the polls of a device (RFC 8628 section 3.4)."""

    GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"

    def redemption(self) -> Redemption:
        """Return the method of contrib.oauth for this grant."""
        return self.issuer.provider.token.redeem_device_code


class TokenExchangeGrant(StoreGrant):
    """Exchanges an access token (RFC 8693)."""

    GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    def redemption(self) -> Redemption:
        """Return the method of contrib.oauth for this grant."""
        return self.issuer.provider.token.exchange
