"""What OAuth's grants issue: codes, refresh tokens and access tokens."""

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
    check_optional_digest,
    check_optional_positive,
    check_positive,
)

_CODE_LIFETIME: Final = timedelta(minutes=1)


class AsyncGrants(AsyncRepository):
    """Queries of `queries/grants.sql`.

    Each is one statement (a retry that met the first try at work asks twice) that
    holds to OAuth's rules by itself, and tells its outcome: a refusal is a result, not
    an error. Tokens come in as the SHA-256 of their string (`parse_token(…).hash`),
    never as the string. `client_id` is the name in the protocol.
    """

    async def issue_code(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        user_id: UUID,
        authenticated_at: datetime | None,
        scopes: Sequence[str] = (),
        redirect_uri: str | None = None,
        code_challenge: str | None = None,
        nonce: str | None = None,
        cnf_jkt: str | None = None,
        properties: JsonObject | None = None,
        lifetime: timedelta = _CODE_LIFETIME,
        family_lifetime: timedelta | None = None,
    ) -> CodeIssuance:
        """Issue an authorization code, and begin the family that it will be used for.

        The client's registration and type, and the user's sign-in and consent, decide
        (RFC 6749 section 4.1, RFC 9700 section 2.1). `code_challenge` is of method
        S256 (RFC 7636 section 4.2), `cnf_jkt` the dpop_jkt of RFC 9449 section 10.
        However often it is refreshed, the family ends after `family_lifetime`.

        `authenticated_at` is when the user signed in: of a session that goes on, when
        it began, or a sign-out from everywhere would not end it. None means now. A
        moment up to a minute ahead of the database's clock counts as a minute ago.

        Raises InvalidArgumentError for a challenge of another shape; InvalidValueError
        for a lifetime above 10 minutes and a sign-in in the future; DuplicateError.
        """
        return await queries.issue_code_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
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

        Without `service_account_id` the client speaks for itself, within the scopes
        that the caller allows it; for a service account, if that authorises the client
        and allows the scopes. Raises DuplicateError, InvalidValueError.
        """
        return await queries.issue_to_client_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
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

        It has the subject of the one, `actor` from the other (section 4.1) and no more
        scopes. It dies as soon as one of the two does, for whatever reason, or a token
        that those were exchanged for. A public client exchanges nothing, and a bound
        token becomes no unbound one: `cnf_jkt` and `cnf_x5t_s256` are the key and the
        certificate that this client has proved. The caller decides whether this client
        may act, and whether the presented tokens' keys were proved. Raises
        DuplicateError, InvalidValueError.
        """
        return await queries.exchange_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
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
