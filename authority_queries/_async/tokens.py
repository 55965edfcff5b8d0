"""Tokens: issued, verified, used once, rotated, revoked, pruned."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from authority_queries._arguments import (
    check_code_challenge,
    check_digest,
    check_limit,
    check_one_subject,
    check_positive,
)
from authority_queries._async.repository import AsyncRepository
from authority_queries.errors import TenantInactiveError
from authority_queries.queries import tokens as queries
from authority_queries.records import (
    Token,
    TokenType,
    VerifiedToken,
)
from authority_queries.results import (
    RedeemableTokenType,
    Redemption,
    Rotation,
)
from authority_queries.runtime import JsonObject


class AsyncTokens(AsyncRepository):
    """Queries of `queries/tokens.sql`.

    Tokens come in as the SHA-256 of their string (`parse_token(…).hash`), never as
    the string.
    """

    async def get_by_id(self, *, tenant_id: UUID, token_id: UUID) -> Token | None:
        """Get a token by its key inside the store, live or not."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, token_id=token_id
        )

    async def get_by_hash(self, *, tenant_id: UUID, token_hash: bytes) -> Token | None:
        """Get a token by the hash of its string, live or not."""
        return await queries.get_by_hash_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        type: TokenType,
        token_hash: bytes,
        client_id: UUID,
        lifetime: timedelta,
        user_id: UUID | None = None,
        service_account_id: UUID | None = None,
        authorization_id: UUID | None = None,
        scopes: Sequence[str] = (),
        code_challenge: str | None = None,
        redirect_uri: str | None = None,
        nonce: str | None = None,
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        payload: bytes | None = None,
        properties: JsonObject | None = None,
        authenticated_at: datetime | None = None,
    ) -> Token:
        """Issue a token that expires after `lifetime`, by the database's clock.

        `client_id` is `Client.id`. A code or refresh token needs an authorization of
        the same client: its family. `code_challenge` is of method S256 (RFC 7636
        section 4.2). `authenticated_at` is when the sign-in happened that the token
        descends from (of a code that is redeemed: the code's), None means now. Raises
        TenantInactiveError, MissingReferenceError, DuplicateError, InvalidValueError.
        """
        token = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            type=type,
            token_hash=check_digest("token_hash", token_hash),
            client_id=client_id,
            user_id=user_id,
            service_account_id=service_account_id,
            authorization_id=authorization_id,
            scopes=scopes,
            code_challenge=check_code_challenge(code_challenge),
            redirect_uri=redirect_uri,
            nonce=nonce,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            payload=payload,
            properties=properties or {},
            authenticated_at=authenticated_at,
            lifetime=check_positive("lifetime", lifetime),
        )
        if token is None:
            message = "the tenant is not active: it is issued nothing"
            raise TenantInactiveError(message)
        return token

    async def verify(
        self, *, tenant_id: UUID, token_hash: bytes, type: TokenType = "access"
    ) -> VerifiedToken | None:
        """Get a token if all that it hangs on is alive: the one check of a request.

        Tenant, client, authorization, user (with epoch) or service account and the
        token itself, by the database's clock. Every reason for None is alike (RFC
        7662 section 2.2). The caller compares cnf_jkt and cnf_x5t_s256 (RFC 9449,
        RFC 8705).
        """
        return await queries.verify_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
            type=type,
        )

    async def redeem(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        type: RedeemableTokenType,
        client_id: str,
        redemption_id: UUID,
        redirect_uri: str | None = None,
        code_challenge: str | None = None,
    ) -> Redemption:
        """Use a single-use token up (RFC 6749 section 4.1.2, RFC 7636 section 4.6).

        `client_id` is the name in the protocol, `code_challenge` what the caller made
        of the code_verifier, `redemption_id` the request's own id: repeated, it gives
        already_redeemed. Of any number of racers one gets `redeemed`. Another request
        with a redeemed token gets `reused` and has revoked the family; that is a
        result, not an error, so that the caller's rollback is not provoked. One
        statement when redeemed, two when refused.
        """
        token = await queries.redeem_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
            type=type,
            client_id=client_id,
            redirect_uri=redirect_uri,
            code_challenge=check_code_challenge(code_challenge),
            redemption_id=redemption_id,
        )
        if token is not None:
            return Redemption(outcome="redeemed", token=token)
        refusal = await queries.explain_refusal_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=token_hash,
            type=type,
            client_id=client_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            redemption_id=redemption_id,
        )
        return Redemption(outcome=refusal.outcome, token=None)

    async def rotate(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        redemption_id: UUID,
        refresh_token_hash: bytes,
        refresh_lifetime: timedelta,
        access_token_hash: bytes,
        access_lifetime: timedelta,
    ) -> Rotation:
        """Replace a refresh token by a new one and an access token, in one statement.

        Either all of it happens or nothing (RFC 6749 section 6, RFC 9700 section
        4.14.2). Outcomes and reuse are as in `redeem`.
        """
        issued = await queries.rotate_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
            client_id=client_id,
            redemption_id=redemption_id,
            refresh_token_hash=check_digest("refresh_token_hash", refresh_token_hash),
            refresh_lifetime=check_positive("refresh_lifetime", refresh_lifetime),
            access_token_hash=check_digest("access_token_hash", access_token_hash),
            access_lifetime=check_positive("access_lifetime", access_lifetime),
        )
        if issued:
            by_type = {token.type: token for token in issued}
            return Rotation(
                outcome="rotated",
                refresh_token=by_type["refresh"],
                access_token=by_type["access"],
            )
        refusal = await queries.explain_refusal_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=token_hash,
            type="refresh",
            client_id=client_id,
            redirect_uri=None,
            code_challenge=None,
            redemption_id=redemption_id,
        )
        return Rotation(outcome=refusal.outcome, refresh_token=None, access_token=None)

    async def revoke(
        self, *, tenant_id: UUID, token_hash: bytes, client_id: str, reason: str
    ) -> bool:
        """Revoke a token at the wish of the client it was issued to (RFC 7009).

        A refresh token takes its family with it, what a rotation under way issues
        included.
        False when there was nothing to revoke, which a client is not told.
        """
        return bool(
            await queries.revoke_async(
                self._connection,
                tenant_id=tenant_id,
                token_hash=check_digest("token_hash", token_hash),
                client_id=client_id,
                reason=reason,
            )
        )

    async def revoke_by_id(
        self, *, tenant_id: UUID, token_id: UUID, reason: str
    ) -> bool:
        """Revoke a token at the wish of an operator. False: nothing to revoke."""
        return bool(
            await queries.revoke_by_id_async(
                self._connection, tenant_id=tenant_id, token_id=token_id, reason=reason
            )
        )

    async def revoke_by_authorization(
        self, *, tenant_id: UUID, authorization_id: UUID, reason: str
    ) -> int:
        """Revoke the live tokens of a family. Gives how many.

        To end the family itself, `authorizations.revoke` is one row.
        """
        return await queries.revoke_by_authorization_async(
            self._connection,
            tenant_id=tenant_id,
            authorization_id=authorization_id,
            reason=reason,
        )

    async def revoke_by_subject(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID | None = None,
        service_account_id: UUID | None = None,
        reason: str,
    ) -> int:
        """Revoke the live tokens of a user or a service account. Gives how many.

        For a user, `users.revoke_tokens` does it in one row.
        """
        check_one_subject(user_id, service_account_id)
        return await queries.revoke_by_subject_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            service_account_id=service_account_id,
            reason=reason,
        )

    async def revoke_by_client(
        self, *, tenant_id: UUID, client_id: UUID, reason: str
    ) -> int:
        """Revoke the live tokens of a client (`Client.id`). Gives how many."""
        return await queries.revoke_by_client_async(
            self._connection, tenant_id=tenant_id, client_id=client_id, reason=reason
        )

    async def list_active_by_subject(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID | None = None,
        service_account_id: UUID | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[Token]:
        """List the live tokens of a user or a service account, in order of id."""
        check_one_subject(user_id, service_account_id)
        return await queries.list_active_by_subject_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            service_account_id=service_account_id,
            after=after,
            page_size=check_limit(limit),
        )

    async def list_active_by_client(
        self,
        *,
        tenant_id: UUID,
        client_id: UUID,
        after: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[Token]:
        """List the live tokens of a client (`Client.id`), in order of id."""
        return await queries.list_active_by_client_async(
            self._connection,
            tenant_id=tenant_id,
            client_id=client_id,
            after=after,
            page_size=check_limit(limit),
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of tokens that expired longer ago than this, of all tenants.

        A redeemed token stays while its family has a live one, so that its reuse is
        seen. Gives how many; call again while it is `batch_size`. Rows that are
        locked are left for the next run, so that any number may run at once.
        """
        return await queries.prune_expired_async(
            self._connection, older_than=older_than, batch_size=batch_size
        )
