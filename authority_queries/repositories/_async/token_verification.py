"""Verification and diagnosis of tokens."""

from collections.abc import Sequence
from uuid import UUID

from authority_queries.queries import tokens as queries
from authority_queries.records import TokenDiagnosis, TokenType, VerifiedToken
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_token_hash
from authority_queries.repositories.row_batches import check_many
from authority_queries.repositories.values import verified


class AsyncTokenVerification(AsyncRepository):
    """The queries of `queries/tokens.sql` that judge tokens."""

    async def diagnose(
        self, *, tenant_id: UUID, token_hash: bytes
    ) -> TokenDiagnosis | None:
        """Return why a token is dead, for an operator. None if there is no such token.

        `dead_because` is the first reason, or None for a live token. Do not show it to
        callers: they must not learn why a token was rejected (RFC 7662 section 2.2).
        """
        return await queries.diagnose_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_token_hash("token_hash", token_hash),
        )

    async def verify(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        type: TokenType = "access",
        resource: str | None = None,
    ) -> VerifiedToken | None:
        """Return a token if it is live, else None: the one check of a request.

        Judges the token itself, its tenant, client, authorization, and user (with
        epoch) or service account, by the database's clock. None does not
        include the reason (RFC 7662 section 2.2). With `resource`, returns only a token
        that names this resource (RFC 8707). For a token that is bound to a key or a
        certificate, check `is_confirmed` too (RFC 9449, RFC 8705). For what needs a
        strong or fresh sign-in, check `is_sign_in_sufficient` (RFC 9470).
        """
        return await queries.verify_async(
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_token_hash("token_hash", token_hash),
            type=type,
            resource=resource,
        )

    async def verify_many(
        self,
        *,
        tenant_id: UUID,
        token_hashes: Sequence[bytes],
        type: TokenType = "access",
        resource: str | None = None,
    ) -> list[VerifiedToken | None]:
        """Return for each hash, in their order, what `verify` would return.

        This is one statement for at most 1000 hashes. An error names the position of a
        hash, from 0: `token_hashes[17]`.
        """
        check_many("token_hashes", token_hashes)
        for position, each in enumerate(token_hashes):
            check_token_hash(f"token_hashes[{position}]", each)
        found = await queries.verify_many_async(
            self._connection,
            tenant_id=tenant_id,
            token_hashes=token_hashes,
            type=type,
            resource=resource,
        )
        live = {each.token_hash: verified(each) for each in found}
        return [live.get(each) for each in token_hashes]
