"""The authorization code grant, with its authorization endpoint."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from authlib.oauth2.rfc6749 import (
    AuthorizationEndpointMixin,
    InvalidGrantError,
    InvalidRequestError,
)
from authlib.oauth2.rfc6749.grants.authorization_code import (
    validate_code_authorization_request,
)
from authlib.oauth2.rfc6749.hooks import hooked

from authority_queries.contrib.authlib.grants import Redemption, StoreGrant
from authority_queries.contrib.authlib.issuer_parameter import adds_issuer
from authority_queries.contrib.authlib.models import EndUser, StoredToken
from authority_queries.contrib.authlib.prompting import find_prompt
from authority_queries.contrib.authlib.requests import (
    Found,
    RedirectedError,
    page_error,
    translated,
)
from authority_queries.contrib.oauth import (
    AskConsent,
    AuthorizationRequest,
    ErrorPage,
    Redirect,
    unseal,
)
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.errors import ConfigurationError

# Authlib's checks and hooks. They ask for no more than this grant has.
_check: Final[Callable[[StoreGrant], str]] = validate_code_authorization_request  # type: ignore[assignment]  # its annotation asks for a class of Authlib
_FOUND: Final = 302
_TICKET: Final = "ticket"


class AuthorizationCodeGrant(StoreGrant, AuthorizationEndpointMixin):
    """Issues codes, and redeems them (RFC 6749 section 4.1).

    `prompt` is what the page must ask for: `login`, `consent`, or None. `ticket` keeps
    the time of the request until the person has signed in and consented: have the next
    request send it as the parameter `ticket`.
    """

    RESPONSE_TYPES = frozenset({"code"})
    GRANT_TYPE = "authorization_code"
    asked: AuthorizationRequest
    ticket: str

    def validate_authorization_request(self) -> str:
        """Check the request, with Authlib's hooks. Return its redirect URI."""
        if adds_issuer(self):
            message = "delete IssuerParameter: every answer has the iss (RFC 9207)"
            raise ConfigurationError(message)
        redirect_uri = _check(self)
        self.asked = self._continued(self.issuer.begin(self.request))
        self.ticket = self.asked.seal(self.issuer.provider.settings)
        return redirect_uri

    @hooked
    def validate_consent_request(self) -> str:
        """Check the request, and find what to ask the person for."""
        redirect_uri = self.redirect_uri = self.validate_authorization_request()
        user = self._end_user(self.request.user)
        self.prompt = find_prompt(self.issuer.provider, self.asked, user)
        if self.prompt is not None and "none" in self.asked.prompts:
            raise self._refusal(
                "login_required" if self.prompt == "login" else "consent_required"
            )
        return redirect_uri

    def create_authorization_response(
        self,
        redirect_uri: str,  # noqa: ARG002 -- of Authlib
        grant_user: object,
    ) -> Found:
        """Redirect with a code. Without `grant_user` the person has refused.

        The person has consented if `prompt` was `consent`.
        """
        user = self._end_user(grant_user)
        authorization = self.issuer.provider.authorization
        if user is None:
            raise RedirectedError(authorization.deny(self.asked))
        self.request.user = user
        is_consented = self.prompt == "consent"
        with translated():
            if is_consented:
                authorization.consent(self.asked, user.session.user_id)
            decision = authorization.decide(
                self.asked, user.cookie, is_consented=is_consented
            )
        if isinstance(decision, Redirect):
            return _FOUND, "", [("Location", decision.url)]
        if isinstance(decision, ErrorPage):
            raise page_error(decision)
        asks = isinstance(decision, AskConsent)
        raise self._refusal("consent_required" if asks else "login_required")

    @hooked
    def validate_token_request(self) -> None:
        """Authenticate the client, and read the code for hooks.

        The database judges the code when it redeems it.
        """
        self.authenticate()
        code = self.request.form.get("code")
        if not code:
            message = "Missing code in request."
            raise InvalidRequestError(message)
        found = self.query_authorization_code(code, self.request.client)
        if found is None:
            message = "Invalid code in request."
            raise InvalidGrantError(message)
        self.request.authorization_code = found

    def query_authorization_code(self, code: str, client: object) -> StoredToken | None:  # noqa: ARG002 -- of Authlib
        """Return a code for hooks, dead or alive and of any client, or None."""
        return self.issuer.find_token(code, "authorization_code")

    def redemption(self) -> Redemption:
        """Return what contrib.oauth does for this grant."""
        return self.issuer.provider.token.redeem_code

    def _continued(self, begun: AuthorizationRequest) -> AuthorizationRequest:
        """Return the request as it first arrived, if its ticket is in this one."""
        payload = self.request.payload
        ticket = None if payload is None else payload.data.get(_TICKET)
        if not ticket:
            return begun
        with translated():
            first = unseal(ticket, self.issuer.provider.settings)
        same = replace(begun, received_at=first.received_at)
        return same if same == first else begun

    def _end_user(self, user: object) -> EndUser | None:
        if user is None or isinstance(user, EndUser):
            return user
        message = f"the user must be an EndUser, not {type(user).__name__}"
        raise TypeError(message)

    def _refusal(self, error: ErrorCode) -> RedirectedError:
        issuer = self.issuer.provider.settings.issuer
        message = error.replace("_", " ")
        return RedirectedError(self.asked.refusal(issuer, error, message))
