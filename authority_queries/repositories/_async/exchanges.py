"""Exchanging access tokens for others (RFC 8693)."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from authority_queries.engine.runtime import JsonArray, JsonObject
from authority_queries.queries import exchanges as queries
from authority_queries.records import TokenExchange
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_digest,
    check_optional_token_hash,
    check_positive,
    check_token_hash,
)


class AsyncExchanges(AsyncRepository):
    """Queries of `queries/exchanges.sql`.

    A refusal is an outcome, not an error. Tokens are passed as the SHA-256 of their
    string (`parse_token(…).hash`). `client_id` is the client's name in the protocol.
    """

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
        resources: Sequence[str] | None = None,
        authorization_details: JsonArray | None = None,
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        payload: bytes | None = None,
        properties: JsonObject | None = None,
    ) -> TokenExchange:
        """Exchange an access token for one that another client may use (RFC 8693).

        The new token has the subject of the subject token, an `actor` from the actor
        token (section 4.1), and no more scopes, resources and authorization details
        than the subject token; None are all of them. It dies with
        either of the two, for any reason, and with the tokens that they were exchanged
        for. Public clients cannot exchange. A bound token becomes no unbound one:
        `cnf_jkt` and `cnf_x5t_s256` are the key and the certificate that this client
        proved. The caller decides whether this client may act, and checks that the keys
        of the presented tokens were proved. Raises DuplicateError, InvalidValueError.
        """
        return await queries.exchange_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
            client_id=client_id,
            subject_token_hash=check_token_hash(
                "subject_token_hash", subject_token_hash
            ),
            actor_token_hash=check_optional_token_hash(
                "actor_token_hash", actor_token_hash
            ),
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            payload=payload,
            properties={} if properties is None else properties,
            lifetime=check_positive("lifetime", lifetime),
        )
