"""An issuer behind Authlib's authorization server."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Final, TypeVar, cast
from weakref import WeakKeyDictionary

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Request
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from authority_queries.contrib.authlib.models import (
    Client,
    EndUser,
    StoredToken,
    User,
    words,
)
from authority_queries.contrib.authlib.requests import read, translated, used_method
from authority_queries.contrib.oauth import (
    ProtocolError,
    Provider,
    Refused,
    Request,
)
from authority_queries.contrib.oauth.context import Presenter
from authority_queries.engine.json_types import JsonValue
from authority_queries.errors import InvalidTokenError
from authority_queries.secrets import mint_token, parse_token
from authority_queries.secrets.token_strings import TokenKind

# How a client can authenticate. A client that has a certificate presents nothing else.
CONFIDENTIAL: Final = (
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "self_signed_tls_client_auth",
)
METHODS: Final = (*CONFIDENTIAL, "none")

_Bound = TypeVar("_Bound")


class Issuer:
    """What Authlib's server, grants and endpoints take from a provider.

    `provider`: a provider, or a function that returns that of the current request, for
    example by its host. `certificate_header` is the header in which the proxy passes
    the client's TLS certificate; the proxy must remove it from clients' own requests.
    """

    def __init__(
        self,
        provider: Provider | Callable[[], Provider],
        *,
        certificate_header: str | None = None,
    ) -> None:
        self._provider = provider
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

    @property
    def paths(self) -> Mapping[str, str]:
        """The path of each endpoint that `register` registers, by its name."""
        endpoints = self.provider.settings.endpoints
        return {
            "token": endpoints.token,
            "introspection": endpoints.introspection,
            "revocation": endpoints.revocation,
            "device_authorization": endpoints.device_authorization,
            "userinfo": endpoints.userinfo,
            "jwks": endpoints.jwks,
            "client_registration": endpoints.registration,
            "metadata": "/.well-known/openid-configuration",
        }

    def bind(self, kind: type[_Bound]) -> type[_Bound]:
        """Return a grant or an endpoint of this issuer."""
        bound = type(kind.__name__, (kind,), {"issuer": self})
        return cast("type[_Bound]", bound)

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
        return Client(provider, found) if found is not None and found.enabled else None

    def end_user(self, cookie: str | None) -> EndUser | None:
        """Return the person of a session's cookie, while the session lives."""
        session = self.provider.session(cookie)
        return None if session is None or not cookie else EndUser(session, cookie)

    def sign_in(
        self, form: Mapping[str, str], address: str | None, user_agent: str | None
    ) -> str | None:
        """Check a form with `username`, `password` and `code`. Return a new cookie.

        None: something is wrong, came too often, or the user has a second factor and
        the form has no code. Show one message for every reason.
        """
        sign_in, origin = self.provider.sign_in, ip_address(address or "")
        username, password = form.get("username", ""), form.get("password", "")
        shown = sign_in.check(username, password, origin, code=form.get("code", ""))
        if isinstance(shown, Refused):
            return None
        return sign_in.start(shown, acr=None, address=origin, user_agent=user_agent)

    def read(self, request: OAuth2Request) -> Request:
        """Return a request of Authlib's as one of contrib.oauth."""
        issuer = self.provider.settings.issuer
        return read(request, issuer, self.certificate_header)

    def query(self, request: OAuth2Request) -> list[tuple[str, str]]:
        """Return the parameters of a request for authorization, of its URL and form."""
        payload = request.payload
        lists = {} if payload is None else payload.datalist
        return [(name, value) for name, values in lists.items() for value in values]

    def present(self, request: OAuth2Request) -> Presenter:
        """Return the client whom Authlib has authenticated, and its proven keys."""
        known = self._presenters.get(request)
        if known is not None:
            return known
        assert isinstance(request.client, Client)  # noqa: S101 -- of query_client
        given = self.read(request)
        provider = self.provider
        with provider.unit() as store:
            return Presenter(
                client=request.client.record,
                is_authenticated=request.auth_method != "none",
                jkt=provider.authentication.prove(store, given),
                x5t_s256=given.certificate_thumbprint,
            )

    def find_token(self, string: str, *kinds: TokenKind) -> StoredToken | None:
        """Return the code or token with this string, dead or alive, or None."""
        provider = self.provider
        for kind in kinds:
            try:
                parsed = parse_token(string, kind=kind)
            except InvalidTokenError:
                continue
            if parsed.tenant_id != provider.tenant_id:
                return None
            with provider.unit() as store:
                found = store.tokens.get_by_hash(
                    tenant_id=provider.tenant_id, token_hash=parsed.hash
                )
            return None if found is None else StoredToken(found)
        return None

    def token_generator(self) -> BearerTokenGenerator:
        """Return Authlib's generator for a grant of the application's own.

        It makes access tokens of this store. There is no refresh token, which would
        need a family. The grants of this package do not call it.
        """

        def mint(**_: object) -> str:
            return mint_token("access", self.provider.tenant_id).token

        def seconds(_: ClientMixin, __: str) -> int:
            lifetime = self.provider.settings.access_token_lifetime
            return int(lifetime.total_seconds())

        return BearerTokenGenerator(mint, expires_generator=seconds)

    def save_token(self, token: dict[str, JsonValue], request: OAuth2Request) -> None:
        """Store a generated token, for a grant of the application's own.

        The user of the request is a `User`, an `EndUser`, or None. The rules of the
        store's grants are not applied: the application's grant has decided.
        """
        assert isinstance(request.client, Client)  # noqa: S101 -- of query_client
        user = request.user
        user_id = None
        if isinstance(user, User):
            user_id = user.record.id
        elif isinstance(user, EndUser):
            user_id = user.session.user_id
        provider = self.provider
        with translated(), provider.unit() as store:
            store.tokens.create(
                tenant_id=provider.tenant_id,
                type="access",
                token_hash=parse_token(str(token["access_token"]), kind="access").hash,
                client_uuid=request.client.record.id,
                lifetime=timedelta(seconds=float(str(token["expires_in"]))),
                user_id=user_id,
                scopes=words(str(token.get("scope") or "")),
            )

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
            return Client(self.provider, presenter.client, is_authenticated=True)

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
