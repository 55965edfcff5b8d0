"""An issuer behind Authlib's authorization server."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Literal, TypeAlias, TypeVar, cast
from uuid import UUID

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Request
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from authority_queries.contrib.authlib.authenticating import ClientAuthentication
from authority_queries.contrib.authlib.models import (
    EndUser,
    LiveToken,
    StoredToken,
    User,
)
from authority_queries.contrib.authlib.refusals import refuse_ignored
from authority_queries.contrib.authlib.requests import (
    query_of,
    refused,
    translated,
)
from authority_queries.contrib.authlib.saving import Saving
from authority_queries.contrib.authlib.strings import (
    adopted,
    generated_string,
    minting,
    read_strings,
)
from authority_queries.contrib.oauth import (
    AuthorizationRequest,
    Refused,
)
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import VerifiedToken
from authority_queries.secrets import TokenString
from authority_queries.secrets.token_strings import TokenKind

LiveKind: TypeAlias = Literal["access", "refresh"]
_Bound = TypeVar("_Bound")


class Issuer(ClientAuthentication):
    """A provider for Authlib's server, grants and endpoints.

    - `provider`: a provider, or a function that returns the provider of the current
      request, for example by its host.
    - `certificate_header`: the header in which the proxy passes the client's TLS
      certificate. The proxy must remove it from clients' own requests.
    - `strings_of_application`: generators of the application make the strings of
      tokens, for example JWTs (RFC 9068). Each must have 128 random bits or a
      signature. Only the endpoints of this issuer find them, by their SHA-256.
    - `to_user` and `to_client`: make a `User` and a `Client` of a row, for subclasses
      with methods of the application.
    """

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
        """Return a grant or an endpoint of this issuer.

        Raises ConfigurationError if it overrides a hook that is never called.
        """
        refuse_ignored(kind)
        bound = type(kind.__name__, (kind,), {"issuer": self})
        return cast("type[_Bound]", bound)

    def adopt(self, server: AuthorizationServer) -> None:
        """Let a server that exists issue tokens of the store.

        It calls `authenticate_with`, and generates strings of the store for Authlib's
        own grants. The server's settings for lifetimes and refresh tokens stay. Raises
        ConfigurationError.
        """
        self.authenticate_with(server)
        if not self.strings_of_application:
            generator = adopted(server, lambda: self.provider)
            server.register_token_generator("default", generator)

    def end_user(self, cookie: str | None) -> EndUser | None:
        """Return the person of a live session's cookie, or None."""
        session = self.provider.session(cookie)
        return None if session is None or not cookie else EndUser(session, cookie)

    def sign_in(
        self, form: Mapping[str, str], address: str | None, user_agent: str | None
    ) -> str | None:
        """Check a form with `username`, `password` and `code`. Return a new cookie.

        Returns None if a value is wrong, after too many attempts, and if the user has a
        second factor and the form has no code. Show one message for every reason.
        """
        sign_in, origin = self.provider.sign_in, ip_address(address or "")
        username, password = form.get("username", ""), form.get("password", "")
        shown = sign_in.check(username, password, origin, code=form.get("code", ""))
        if isinstance(shown, Refused):
            return None
        return sign_in.start(shown, acr=None, address=origin, user_agent=user_agent)

    def begin(self, request: OAuth2Request) -> AuthorizationRequest:
        """Return a checked request for authorization. Raises OAuth2Error."""
        given = replace(self.read(request), method="GET", parameters=query_of(request))
        begun = self.provider.authorization.begin(given)
        if isinstance(begun, AuthorizationRequest):
            return begun
        raise refused(begun)

    def find_token(self, string: str, *kinds: TokenKind) -> StoredToken | None:
        """Return the code or token with this string, dead or alive, or None."""
        provider, own = self.provider, self.strings_of_application
        for kind in kinds:
            for read in read_strings(provider, string, kind, of_application=own):
                with provider.unit() as store:
                    found = store.tokens.get_by_hash(
                        tenant_id=provider.tenant_id, token_hash=read.hash
                    )
                if found is not None and found.type == kind:
                    return StoredToken(found, read)
        return None

    def verify_token(
        self, token: str, *, tenant_id: UUID | None = None, resource: str | None = None
    ) -> VerifiedToken | None:
        """Return a live access token of this issuer, or None.

        Pass the issuer to `BearerTokenValidator` with `strings_of_application`.
        """
        if tenant_id not in {None, self.provider.tenant_id}:
            return None
        found = self.find_live(token, "access", resource=resource)
        return None if found is None else found.record

    def find_live(
        self, string: str, *kinds: LiveKind, resource: str | None = None
    ) -> LiveToken | None:
        """Return a live token with this string, or None."""
        provider, own = self.provider, self.strings_of_application
        for kind in kinds:
            for read in read_strings(provider, string, kind, of_application=own):
                with translated(), provider.unit() as store:
                    found = store.tokens.verify(
                        tenant_id=provider.tenant_id,
                        token_hash=read.hash,
                        type=kind,
                        resource=resource,
                    )
                if found is not None:
                    return LiveToken(provider.unit, found, string, self.to_user)
        return None

    def find_user(self, user_id: UUID | None) -> User | None:
        """Return the user with this id, or None."""
        if user_id is None:
            return None
        provider = self.provider
        with translated(), provider.unit() as store:
            found = store.users.get_by_id(tenant_id=provider.tenant_id, user_id=user_id)
        return None if found is None else self.to_user(found)

    def token_generator(self) -> BearerTokenGenerator:
        """Return Authlib's generator, with strings and lifetimes of this issuer."""

        def seconds(_: ClientMixin, __: str) -> int:
            lifetime = self.provider.settings.access_token_lifetime
            return int(lifetime.total_seconds())

        return BearerTokenGenerator(
            minting(lambda: self.provider, "access"),
            minting(lambda: self.provider, "refresh"),
            seconds,
        )

    def generated(self, string: str, kind: TokenKind) -> TokenString:
        """Return a generated string to store. Raises ConfigurationError."""
        return generated_string(
            self.provider, string, kind, of_application=self.strings_of_application
        )

    def save_token(self, token: dict[str, JsonValue], request: OAuth2Request) -> None:
        """Decide about a grant, and store the tokens that Authlib has generated.

        A code, a refresh token or a device code of the request is redeemed by the same
        statement as in `contrib.oauth`. `token` then has the issued values. A grant of
        the application's own has decided itself: its access token is stored, and its
        refresh token with a family. The user is a `User`, an `EndUser`, or None. Raises
        OAuth2Error, ConfigurationError.
        """
        with translated():
            presenter = self.present(request)
            presenter.check_key()
            parameters = Parameters(self.read(request).parameters)
            provider = self.provider
            with provider.unit() as store:
                Saving(
                    self, provider, store, token, request, presenter, parameters
                ).save()
