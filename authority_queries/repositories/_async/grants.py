"""Issuing codes and access tokens by OAuth's grants."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import grants as queries
from authority_queries.records import (
    ClientTokenIssuance,
    CodeIssuance,
    TokenExchange,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_code_challenge,
    check_digest,
    check_one_sign_in,
    check_optional_digest,
    check_optional_positive,
    check_positive,
)

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
        redirect_uri: str | None = None,
        code_challenge: str | None = None,
        nonce: str | None = None,
        cnf_jkt: str | None = None,
        properties: JsonObject | None = None,
        lifetime: timedelta = _CODE_LIFETIME,
        family_lifetime: timedelta | None = None,
    ) -> CodeIssuance:
        """Issue an authorization code, and begin the family of the tokens to come.

        The outcome depends on the client's registration and type, and on the user's
        sign-in and consent (RFC 6749 section 4.1, RFC 9700 section 2.1).
        `code_challenge` is of method S256 (RFC 7636 section 4.2); `cnf_jkt` is the
        dpop_jkt of RFC 9449 section 10. The family ends after `family_lifetime`,
        however often it is refreshed.

        The user's sign-in is that of the session `session_id` (`LiveSession.id`).
        Unless the scopes contain offline_access, the family ends with the session.
        `authenticated_at` is then None. A server with sessions of its own passes the
        time of the session's start, otherwise a sign-out from everywhere would not end
        it. If both are None, the sign-in was now. A time up to a minute ahead of the
        database's clock counts as a minute ago.

        Raises InvalidArgumentError for a challenge of another shape; InvalidValueError
        for a lifetime above 10 minutes or a sign-in in the future; DuplicateError.
        """
        check_one_sign_in(session_id, authenticated_at)
        return await queries.issue_code_async(
            self._connection,
            tenant_id=tenant_id,
            session_id=session_id,
            token_hash=token_hash,
            client_id=client_id,
            user_id=user_id,
            scopes=scopes,
            redirect_uri=redirect_uri,
            code_challenge=check_code_challenge(code_challenge),
            nonce=nonce,
            cnf_jkt=cnf_jkt,
            properties={} if properties is None else properties,
            authenticated_at=authenticated_at,
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
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        payload: bytes | None = None,
        properties: JsonObject | None = None,
    ) -> ClientTokenIssuance:
        """Issue an access token by the client credentials grant (RFC 6749 section 4.4).

        The token is the client's own, with the scopes that the caller allows, or that
        of a service account, which must authorise the client and allow the scopes.
        Raises DuplicateError, InvalidValueError.
        """
        return await queries.issue_to_client_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=token_hash,
            client_id=client_id,
            service_account_id=service_account_id,
            scopes=scopes,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            payload=payload,
            properties={} if properties is None else properties,
            lifetime=check_positive("lifetime", lifetime),
        )

    async def exchange(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        subject_token_hash: bytes,
        lifetime: timedelta,
        actor_token_hash: bytes | None = None,
        scopes: Sequence[str] | None = None,
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        payload: bytes | None = None,
        properties: JsonObject | None = None,
    ) -> TokenExchange:
        """Exchange an access token for one that another client may use (RFC 8693).

        The new token has the subject of the subject token, an `actor` from the actor
        token (section 4.1), and no more scopes than the subject token. It dies with
        either of the two, for any reason, and with the tokens that they were exchanged
        for. Public clients cannot exchange. A bound token becomes no unbound one:
        `cnf_jkt` and `cnf_x5t_s256` are the key and the certificate that this client
        proved. The caller decides whether this client may act, and checks that the keys
        of the presented tokens were proved. Raises DuplicateError, InvalidValueError.
        """
        return await queries.exchange_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=token_hash,
            client_id=client_id,
            subject_token_hash=check_digest("subject_token_hash", subject_token_hash),
            actor_token_hash=check_optional_digest(
                "actor_token_hash", actor_token_hash
            ),
            scopes=scopes,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            payload=payload,
            properties={} if properties is None else properties,
            lifetime=check_positive("lifetime", lifetime),
        )
