"""Grants of Authlib on models of the store, for the hooks of an application.

    class CodeGrant(StoredCodes):
        ...  # the application's own hooks

    server.register_grant(issuer.bind(CodeGrant), [CodeChallenge(required=True)])

Authlib's grants read, check, save and delete in this order. Here only saving decides:
`Issuer.save_token` redeems in one statement, and no answer is sent unless it succeeds.
Then nothing is left to delete.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from authlib.oauth2.rfc6749 import (
    ClientMixin,
    OAuth2Request,
    TokenMixin,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant

from authority_queries.contrib.authlib.authenticating import METHODS
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.issuer_parameter import (
    errors_with_issuer,
    with_issuer,
)
from authority_queries.contrib.authlib.models import (
    EndUser,
    StoredToken,
    User,
    user_id_of,
    words,
)
from authority_queries.contrib.authlib.requests import Found, refused, translated
from authority_queries.contrib.oauth import AuthorizationRequest, ErrorPage
from authority_queries.contrib.oauth.outcomes import AUTHORIZATION, ERROR_PAGES
from authority_queries.errors import ConfigurationError
from authority_queries.records import CodeIssuance
from authority_queries.secrets import mint_token


class StoredCodes(AuthorizationCodeGrant):
    """Authlib's AuthorizationCodeGrant with codes of the store.

    `grant_user` is a `User` or an `EndUser`, whose session ends the tokens too. Pass it
    only if the person has consented: the consent is stored, except with prompt=none.
    The page decides about prompt=login.
    """

    TOKEN_ENDPOINT_AUTH_METHODS: Collection[str] = METHODS
    issuer: ClassVar[Issuer]

    def validate_authorization_request(self) -> str:
        """Check the request. Errors name the issuer (RFC 9207)."""
        with errors_with_issuer(self, self.issuer.provider.settings.issuer):
            return super().validate_authorization_request()

    def create_authorization_response(
        self, redirect_uri: str, grant_user: object
    ) -> Found:
        """Redirect with a code and the issuer (RFC 9207)."""
        name = self.issuer.provider.settings.issuer
        with errors_with_issuer(self, name):
            answer = super().create_authorization_response(redirect_uri, grant_user)
        status, body, headers = answer
        return status, body, [(k, with_issuer(self, v, name)) for k, v in headers]

    def generate_authorization_code(self) -> str:
        """Return a new code of the store."""
        return mint_token("authorization_code", self.issuer.provider.tenant_id).token

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        """Issue the code, and store the consent. Raises OAuth2Error."""
        asked = self.issuer.begin(request)
        asked = replace(asked, scopes=words(request.scope))
        digest = self.issuer.generated(code, "authorization_code").hash
        with translated():
            issuance = self._issue(asked, digest)
            # Nobody has seen a page after prompt=none.
            if issuance.outcome == "consent_required" and "none" not in asked.prompts:
                user_id = _user_id(request.user)
                self.issuer.provider.authorization.consent(asked, user_id)
                issuance = self._issue(asked, digest)
        outcome = issuance.outcome
        error = AUTHORIZATION[outcome]
        if error is None:
            return
        description = outcome.replace("_", " ")
        if outcome in ERROR_PAGES:
            raise refused(ErrorPage(error=error, description=description))
        settings = self.issuer.provider.settings
        raise refused(asked.refusal(settings.issuer, error, description))

    def query_authorization_code(
        self, code: str, client: ClientMixin
    ) -> StoredToken | None:
        """Return a code of the client, dead or alive, or None.

        A code that was redeemed before must reach the database, which ends its family.
        """
        found = self.issuer.find_token(code, "authorization_code")
        return found if found is not None and found.check_client(client) else None

    def authenticate_user(self, authorization_code: StoredToken) -> User | None:
        """Return the user of the code."""
        return self.issuer.find_user(authorization_code.record.user_id)

    def delete_authorization_code(self, authorization_code: StoredToken) -> None:
        """Do nothing. `save_token` has redeemed the code."""

    def _issue(self, asked: AuthorizationRequest, digest: bytes) -> CodeIssuance:
        user, settings = self.request.user, self.issuer.provider.settings
        own = user if isinstance(user, User) else None
        max_age = None if asked.max_age is None else timedelta(seconds=asked.max_age)
        with self.issuer.provider.unit() as store:
            return store.grants.issue_code(
                tenant_id=self.issuer.provider.tenant_id,
                token_hash=digest,
                client_id=asked.client_id,
                user_id=_user_id(user),
                session_id=user.session.id if isinstance(user, EndUser) else None,
                authenticated_at=None if own is None else own.authenticated_at,
                acr=None if own is None else own.acr,
                amr=None if own is None else own.amr,
                scopes=asked.scopes,
                resources=asked.resources,
                authorization_details=asked.authorization_details,
                redirect_uri=asked.redirect_uri,
                code_challenge=asked.code_challenge,
                nonce=asked.nonce,
                cnf_jkt=asked.dpop_jkt,
                max_age=max_age,
                acr_values=asked.acr_values,
                requested_at=asked.received_at,
                lifetime=settings.code_lifetime,
                family_lifetime=settings.family_lifetime,
            )


class StoredRefreshTokens(RefreshTokenGrant):
    """Authlib's RefreshTokenGrant with refresh tokens of the store.

    Each refresh issues a new one. A subclass with INCLUDE_NEW_REFRESH_TOKEN = False
    keeps the old one, which the database allows to confidential clients, and to tokens
    that are bound to a key (RFC 9700 section 4.14.2).
    """

    TOKEN_ENDPOINT_AUTH_METHODS: Collection[str] = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    issuer: ClassVar[Issuer]

    def authenticate_refresh_token(  # type: ignore[override]  # the stub has no None
        self, refresh_token: str
    ) -> StoredToken | None:
        """Return a refresh token, dead or alive, or None. The database judges it."""
        return self.issuer.find_token(refresh_token, "refresh")

    def issue_token(
        self, user: User, refresh_token: TokenMixin
    ) -> dict[str, str | int]:
        """Generate the token, with a refresh token whatever the server's settings."""
        token = super().issue_token(user, refresh_token)
        if self.INCLUDE_NEW_REFRESH_TOKEN and "refresh_token" not in token:
            minted = mint_token("refresh", self.issuer.provider.tenant_id)
            token["refresh_token"] = minted.token
        return token

    def authenticate_user(self, refresh_token: StoredToken) -> User | None:
        """Return the user of the token."""
        return self.issuer.find_user(refresh_token.record.user_id)

    def revoke_old_credential(self, refresh_token: TokenMixin) -> None:
        """Do nothing. `save_token` has used the token up."""


def _user_id(user: object) -> UUID:
    found = user_id_of(user)
    if found is None:
        message = f"grant_user must be an EndUser or a User, not {type(user).__name__}"
        raise ConfigurationError(message)
    return found
