"""Tokens of requests, for Authlib's ResourceProtector."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final, Protocol
from uuid import UUID

from authlib.oauth2.rfc6749 import JsonRequest
from authlib.oauth2.rfc6750 import BearerTokenValidator as _BearerTokenValidator
from authlib.oauth2.rfc6750 import InvalidTokenError

from authority_queries.contrib.authlib.clients import Unit
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.models import LiveToken, User
from authority_queries.contrib.authlib.requests import read_document, translated
from authority_queries.contrib.oauth._sync.authentication import prove_key
from authority_queries.records import VerifiedToken
from authority_queries.repositories.values import is_confirmed
from authority_queries.service._sync.authority import Authority

_LIFETIME: Final = timedelta(minutes=1)
_SKEW: Final = timedelta(seconds=30)


class TokenVerifier(Protocol):
    """An `Authority`, its cached `Verifier`, or an `Issuer`."""

    def verify_token(
        self,
        token: str,
        *,
        tenant_id: UUID | None = None,
        resource: str | None = None,
    ) -> VerifiedToken | None:
        """Return a live token, or None."""


class BearerTokenValidator(_BearerTokenValidator):
    """Accepts live access tokens, with the scopes that a view requires.

    - `resource`: the API's URI (RFC 8707). Tokens must name it. None accepts tokens for
      any resource.
    - `tenant_id`: the only tenant whose tokens are accepted. None accepts those of all:
      compare `current_token.record.tenant_id` with what the request is about.

    A token that is bound to a key or a certificate is refused without its proof.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        *,
        tenant_id: UUID | None = None,
        resource: str | None = None,
        certificate_header: str | None = None,
        realm: str | None = None,
    ) -> None:
        super().__init__(realm)
        self._verifier = verifier
        self._tenant_id = tenant_id
        self._resource = resource
        self._certificate_header = certificate_header

    def authenticate_token(self, token_string: str) -> LiveToken | None:
        """Return the live token with this string, or None."""
        live = self._verifier.verify_token(
            token_string, tenant_id=self._tenant_id, resource=self._resource
        )
        if live is None:
            return None
        known = self._verifier
        to_user = known.to_user if isinstance(known, Issuer) else User
        return LiveToken(self._unit(live.tenant_id), live, token_string, to_user)

    def _unit(self, tenant_id: UUID) -> Unit | None:
        if isinstance(self._verifier, Authority):
            return partial(self._verifier.tenant, tenant_id, autocommit=True)
        if isinstance(self._verifier, Issuer):
            return self._verifier.provider.unit
        return None

    def validate_token(
        self,
        token: LiveToken | None,
        scopes: Sequence[str] | None,
        request: JsonRequest,
    ) -> None:
        """Check the scopes and the binding. Raises OAuth2Error."""
        super().validate_token(token, scopes, request)
        assert token is not None  # noqa: S101 -- refused above
        with translated():
            read = read_document(request, b"", request.uri, self._certificate_header)
            jkt = self._prove(token, request)
        thumbprint = read.certificate_thumbprint
        if not is_confirmed(token.record, jkt=jkt, x5t_s256=thumbprint):
            raise InvalidTokenError(realm=self.realm)

    def _prove(self, token: LiveToken, request: JsonRequest) -> str | None:  # noqa: ARG002
        return None


class DPoPTokenValidator(BearerTokenValidator):
    """Accepts live access tokens with the scheme DPoP, and their proof (RFC 9449).

    `origin` is the API's scheme and host, with which proofs are compared.
    """

    TOKEN_TYPE = "dpop"  # noqa: S105 -- a scheme

    def __init__(
        self,
        authority: Authority,
        *,
        origin: str,
        tenant_id: UUID | None = None,
        resource: str | None = None,
        certificate_header: str | None = None,
    ) -> None:
        super().__init__(
            authority,
            tenant_id=tenant_id,
            resource=resource,
            certificate_header=certificate_header,
        )
        self._authority = authority
        self._origin = origin

    def _prove(self, token: LiveToken, request: JsonRequest) -> str | None:
        tenant_id = token.record.tenant_id
        with self._authority.tenant(tenant_id, autocommit=True) as store:
            return prove_key(
                store,
                tenant_id,
                read_document(request, b"", self._origin, None),
                access_token=token.string,
                lifetime=_LIFETIME,
                skew=_SKEW,
            )
