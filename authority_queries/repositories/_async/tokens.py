"""Tokens: creation, revocation, lists, pruning."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from authority_queries.engine.runtime import JsonArray, JsonObject
from authority_queries.errors import TenantInactiveError
from authority_queries.queries import tokens as queries
from authority_queries.records import (
    Token,
    TokenType,
)
from authority_queries.repositories._async.token_lists import AsyncTokenLists
from authority_queries.repositories._async.token_verification import (
    AsyncTokenVerification,
)
from authority_queries.repositories.arguments import (
    check_code_challenge,
    check_not_negative,
    check_positive,
    check_token_hash,
)


class AsyncTokens(AsyncTokenVerification, AsyncTokenLists):
    """Queries of `queries/tokens.sql`.

    Tokens are passed as the hash of their string, never as the string:
    `parse_token(…).hash`, for a token of another store `parse_foreign_token(…).hash`.
    """

    async def get_by_id(self, *, tenant_id: UUID, token_id: UUID) -> Token | None:
        """Get a token by id, live or not."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, token_id=token_id
        )

    async def get_by_hash(self, *, tenant_id: UUID, token_hash: bytes) -> Token | None:
        """Get a token by the hash of its string, live or not."""
        return await queries.get_by_hash_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_token_hash("token_hash", token_hash),
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        type: TokenType,
        token_hash: bytes,
        client_uuid: UUID,
        lifetime: timedelta,
        user_id: UUID | None = None,
        service_account_id: UUID | None = None,
        authorization_id: UUID | None = None,
        scopes: Sequence[str] = (),
        resources: Sequence[str] = (),
        authorization_details: JsonArray = (),
        code_challenge: str | None = None,
        redirect_uri: str | None = None,
        nonce: str | None = None,
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        payload: bytes | None = None,
        properties: JsonObject | None = None,
        authenticated_at: datetime | None = None,
    ) -> Token:
        """Store a token from another system, without OAuth's rules.

        `store.grants` applies the rules. The token expires after `lifetime`, by the
        database's clock, or with its family if that ends earlier. `client_uuid` is
        `Client.id`. A code or refresh token needs an authorization of the same client:
        its family. `code_challenge` is of method S256 (RFC 7636 section 4.2).
        `token_hash` is `tag_foreign_hash` of the SHA-256 of the other system's string.
        `authenticated_at` is the time of the sign-in that the token descends from; None
        means now, and a time up to a minute ahead counts as a minute ago. Raises
        TenantInactiveError, MissingReferenceError, DuplicateError, InvalidValueError.
        """
        token = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            type=type,
            token_hash=check_token_hash("token_hash", token_hash),
            client_uuid=client_uuid,
            user_id=user_id,
            service_account_id=service_account_id,
            authorization_id=authorization_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            code_challenge=check_code_challenge(code_challenge),
            redirect_uri=redirect_uri,
            nonce=nonce,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            payload=payload,
            properties={} if properties is None else properties,
            authenticated_at=authenticated_at,
            lifetime=check_positive("lifetime", lifetime),
        )
        if token is None:
            message = "the tenant is not active: nothing can be issued"
            raise TenantInactiveError(message)
        return token

    async def revoke(
        self, *, tenant_id: UUID, token_hash: bytes, client_id: str, reason: str
    ) -> bool:
        """Revoke a token for the client that it was issued to (RFC 7009).

        Revoking a code or refresh token ends its family, including tokens that a
        concurrent rotation issues, and even if the token itself was revoked before.
        Returns False if the token is not the client's or was revoked before: do not
        tell the client.
        """
        return bool(
            await queries.revoke_async(
                self._connection,
                tenant_id=tenant_id,
                token_hash=check_token_hash("token_hash", token_hash),
                client_id=client_id,
                reason=reason,
            )
        )

    async def revoke_by_id(
        self, *, tenant_id: UUID, token_id: UUID, reason: str
    ) -> bool:
        """Revoke a token for an operator. False if there was nothing to revoke."""
        return bool(
            await queries.revoke_by_id_async(
                self._connection, tenant_id=tenant_id, token_id=token_id, reason=reason
            )
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of access tokens that expired this long ago, of all tenants.

        `prune_refresh_tokens` deletes refresh tokens. `authorizations.prune_expired`
        deletes codes with their family, so that their reuse is detected until then.
        Returns how many; call it again while that is `batch_size`. Calls may run
        concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )

    async def prune_refresh_tokens(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of refresh tokens that expired a day and this long ago.

        A refresh token is forgotten a day after it expired: `redemptions.refresh` and
        `revoke` treat it as unknown, whether it was pruned or not. All else is as in
        `prune_expired`.
        """
        return await queries.prune_refresh_tokens_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
