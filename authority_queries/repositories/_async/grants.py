"""Issuing codes and access tokens by OAuth's grants."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonArray, JsonObject
from authority_queries.queries import grants as queries
from authority_queries.records import (
    ClientTokenIssuance,
    CodeIssuance,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_acr_values,
    check_code_challenge,
    check_digest,
    check_max_age,
    check_one_sign_in,
    check_optional_positive,
    check_positive,
)
from authority_queries.repositories.row_batches import encode_rows
from authority_queries.repositories.rows import ClientTokenRequest

_CODE_LIFETIME: Final = timedelta(minutes=1)


class AsyncGrants(AsyncRepository):
    """Queries of `queries/grants.sql`.

    Each is one statement that applies OAuth's rules and returns an outcome: a refusal
    is an outcome, not an error. Tokens are passed as the SHA-256 of their string
    (`parse_token(…).hash`), never as the string. `client_id` is the client's name in
    the protocol.
    """

    async def issue_code(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        user_id: UUID,
        authenticated_at: datetime | None,
        session_id: UUID | None = None,
        scopes: Sequence[str] = (),
        resources: Sequence[str] = (),
        authorization_details: JsonArray = (),
        redirect_uri: str | None = None,
        code_challenge: str | None = None,
        nonce: str | None = None,
        cnf_jkt: str | None = None,
        properties: JsonObject | None = None,
        acr: str | None = None,
        amr: Sequence[str] | None = None,
        max_age: timedelta | None = None,
        acr_values: Sequence[str] | None = None,
        requested_at: datetime | None = None,
        lifetime: timedelta = _CODE_LIFETIME,
        family_lifetime: timedelta | None = None,
    ) -> CodeIssuance:
        """Issue an authorization code, and begin the family of the tokens to come.

        The outcome depends on the client's registration and type, and on the user's
        sign-in and consent (RFC 6749 section 4.1, RFC 9700 section 2.1).
        `code_challenge` is of method S256 (RFC 7636 section 4.2); `cnf_jkt` is the
        dpop_jkt of RFC 9449 section 10. The family ends after `family_lifetime`,
        however often it is refreshed.

        The user's sign-in is that of the session `session_id` (`LiveSession.id`). Then
        `authenticated_at`, `acr` and `amr` are None. Unless the scopes contain
        offline_access, the family ends with the session.

        A server with sessions of its own passes `authenticated_at`: the time of the
        session's start, otherwise a sign-out from everywhere would not end it. None
        means now; a time up to a minute ahead of the database's clock counts as a
        minute ago. `acr` and `amr` are how the user signed in (RFC 8176).

        `max_age` and `acr_values` are what the request requires of the sign-in (RFC
        9470 section 4); None requires nothing. `requested_at` is when you received the
        request, or None for now: with a max_age of 0, which is prompt=login, the
        sign-in must not be older than that. Do not pass `acr_values` that are voluntary
        (OpenID Connect Core section 5.5.1.1).

        Raises InvalidArgumentError for a challenge of another shape; InvalidValueError
        for a lifetime above 10 minutes or a sign-in in the future; DuplicateError.
        """
        check_one_sign_in(
            session_id, authenticated_at=authenticated_at, acr=acr, amr=amr
        )
        return await queries.issue_code_async(
            self._connection,
            tenant_id=tenant_id,
            session_id=session_id,
            token_hash=check_digest("token_hash", token_hash),
            client_id=client_id,
            user_id=user_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            redirect_uri=redirect_uri,
            code_challenge=check_code_challenge(code_challenge),
            nonce=nonce,
            cnf_jkt=cnf_jkt,
            properties={} if properties is None else properties,
            authenticated_at=authenticated_at,
            acr=acr,
            amr=amr,
            max_age=check_max_age(max_age),
            acr_values=check_acr_values(acr_values),
            requested_at=requested_at,
            lifetime=check_positive("lifetime", lifetime),
            family_lifetime=check_optional_positive("family_lifetime", family_lifetime),
        )

    async def issue_to_client(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        lifetime: timedelta,
        service_account_id: UUID | None = None,
        scopes: Sequence[str] = (),
        resources: Sequence[str] = (),
        authorization_details: JsonArray = (),
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        payload: bytes | None = None,
        properties: JsonObject | None = None,
    ) -> ClientTokenIssuance:
        """Issue an access token by the client credentials grant (RFC 6749 section 4.4).

        The token is the client's own, with the scopes and resources that the caller
        allows, or that of a service account, which must authorise the client and allow
        both. The caller decides about `authorization_details` in either case.
        Raises DuplicateError, InvalidValueError.
        """
        return await queries.issue_to_client_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
            client_id=client_id,
            service_account_id=service_account_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            payload=payload,
            properties={} if properties is None else properties,
            lifetime=check_positive("lifetime", lifetime),
        )

    async def issue_many(
        self, *, tenant_id: UUID, requests: Sequence[ClientTokenRequest]
    ) -> list[ClientTokenIssuance]:
        """Return for each request, in their order, the outcome of `issue_to_client`.

        This is one statement for at most 1000 requests. A refusal does not affect the
        other requests. An error issues nothing: InvalidArgumentError, which names the
        request, from 0, and its field: `requests[17].scopes`; DuplicateError,
        InvalidValueError.
        """
        return await queries.issue_many_async(
            self._connection,
            tenant_id=tenant_id,
            rows=encode_rows("requests", requests, ClientTokenRequest),
        )
