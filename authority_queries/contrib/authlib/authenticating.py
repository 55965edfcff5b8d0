"""The clients of Authlib's requests, as contrib.oauth authenticates them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from weakref import WeakKeyDictionary

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Request

from authority_queries.contrib.authlib.clients import Client, Unit, client_of
from authority_queries.contrib.authlib.models import User
from authority_queries.contrib.authlib.requests import read, translated, used_method
from authority_queries.contrib.oauth import ProtocolError, Provider, Request
from authority_queries.contrib.oauth.context import Presenter
from authority_queries.records import Client as ClientRecord
from authority_queries.records import User as UserRecord

# How a client can authenticate. A client that has a certificate presents nothing else.
CONFIDENTIAL: Final = (
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "self_signed_tls_client_auth",
)
METHODS: Final = (*CONFIDENTIAL, "none")


class ClientAuthentication:
    """What an `Issuer` does with clients."""

    def __init__(
        self,
        provider: Provider | Callable[[], Provider],
        *,
        certificate_header: str | None = None,
        strings_of_application: bool = False,
        to_user: Callable[[UserRecord], User] = User,
        to_client: Callable[[Unit, ClientRecord], Client] = Client,
    ) -> None:
        self._provider = provider
        self.to_user = to_user
        self.to_client = to_client
        self.strings_of_application = strings_of_application
        self.certificate_header = certificate_header
        self._presenters: WeakKeyDictionary[OAuth2Request, Presenter | None] = (
            WeakKeyDictionary()
        )

    @property
    def provider(self) -> Provider:
        """The provider of the current request."""
        if isinstance(self._provider, Provider):
            return self._provider
        return self._provider()

    def authenticate_with(self, server: AuthorizationServer) -> None:
        """Let contrib.oauth authenticate the clients of Authlib's server.

        Each way to authenticate is compared with the one that the client is registered
        for. An assertion is accepted once.
        """
        for method in METHODS:
            server.register_client_auth_method(method, self._authenticator(method))

    def query_client(self, client_id: str) -> Client | None:
        """Return an enabled client, or None."""
        provider = self.provider
        with translated(), provider.unit() as store:
            found = store.clients.get_by_client_id(
                tenant_id=provider.tenant_id, client_id=client_id
            )
        if found is None or not found.enabled:
            return None
        return self.to_client(provider.unit, found)

    def read(self, request: OAuth2Request) -> Request:
        """Return a request of Authlib's as one of contrib.oauth."""
        issuer = self.provider.settings.issuer
        return read(request, issuer, self.certificate_header)

    def present(self, request: OAuth2Request) -> Presenter:
        """Return the client whom Authlib has authenticated, and its proven keys."""
        known = self._presenters.get(request)
        if known is not None:
            return known
        client = client_of(request)
        given = self.read(request)
        provider = self.provider
        with provider.unit() as store:
            presenter = Presenter(
                client=client.record,
                is_authenticated=request.auth_method != "none",
                jkt=provider.authentication.prove(store, given),
                x5t_s256=given.certificate_thumbprint,
            )
        self._presenters[request] = presenter  # a proof is accepted once
        return presenter

    def _authenticator(
        self, method: str
    ) -> Callable[[object, OAuth2Request], Client | None]:
        def authenticate(_: object, request: OAuth2Request) -> Client | None:
            if request not in self._presenters:
                self._presenters[request] = self._authenticated(request)
            presenter = self._presenters[request]
            if (
                presenter is None
                or used_method(self.read(request), presenter) != method
            ):
                return None
            return replace(
                self.to_client(self.provider.unit, presenter.client),
                is_authenticated=True,
            )

        return authenticate

    def _authenticated(self, request: OAuth2Request) -> Presenter | None:
        """Return None if the client did not authenticate, for whatever reason."""
        with translated():
            try:
                return self.provider.present(self.read(request))
            except ProtocolError as error:
                if error.error == "invalid_client":
                    return None
                raise
