"""Redeeming codes and refresh tokens."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonArray
from authority_queries.errors import InvalidArgumentError
from authority_queries.queries import redemptions as queries
from authority_queries.records import Redemption, TokenType
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_digest,
    check_leeway,
    check_token_hash,
)
from authority_queries.repositories.values import NewToken, check_new_tokens
from authority_queries.secrets import code_challenge_of

_NOTHING: Final = timedelta(0)
_REDEEMED_BEFORE: Final = ("already_redeemed", "recently_redeemed")


class AsyncRedemptions(AsyncRepository):
    """Queries of `queries/redemptions.sql`.

    A refusal is an outcome, not an error. Tokens are passed as the hash of their string
    (`parse_token(…).hash`, and for a refresh token of another store
    `parse_foreign_token(…).hash`). `client_id` is the client's name in the protocol.

    A redemption cannot be rolled back: each method raises OpenTransactionError inside a
    transaction. It is one statement, and a second one if another request with the same
    `redemption_id` was redeeming at the same moment.
    """

    async def redeem_code(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        redemption_id: UUID,
        redirect_uri: str | None = None,
        code_verifier: str | None = None,
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        scopes: Sequence[str] | None = None,
        resources: Sequence[str] | None = None,
        authorization_details: JsonArray | None = None,
        access_token: NewToken | None = None,
        refresh_token: NewToken | None = None,
    ) -> Redemption:
        """Redeem an authorization code, and issue the tokens that are passed.

        A code is redeemed once (RFC 6749 section 4.1.2): one of any number of
        concurrent requests gets `redeemed`. `redemption_id` is an id that the server,
        never the client, made for the request; the same id again gets already_redeemed
        and the same row. Any other request gets `reused`, and the family is ended for
        good.

        `cnf_jkt` and `cnf_x5t_s256` are the key and the certificate that the request
        proved. The access token is bound to them, and a public client's refresh token
        too (RFC 9449 section 5, RFC 8705 section 4). `redirect_uri` may be None if the
        client has registered exactly one, as in OAuth 2.1. A `code_verifier` that RFC
        7636 section 4.1 does not allow matches no code. Fewer `scopes`, `resources`
        (RFC 8707 section 2.2) and `authorization_details` (RFC 9396 section 6.1)
        restrict the access token only; None are all of the code's. Raises
        DuplicateError.
        """
        return await self._redeem(
            "redemptions.redeem_code",
            tenant_id=tenant_id,
            token_hash=token_hash,
            type="authorization_code",
            client_id=client_id,
            redemption_id=redemption_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge_of(code_verifier),
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            leeway=_NOTHING,
            access_token=access_token,
            refresh_token=refresh_token,
        )

    async def redeem_device_code(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        redemption_id: UUID,
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        scopes: Sequence[str] | None = None,
        resources: Sequence[str] | None = None,
        authorization_details: JsonArray | None = None,
        access_token: NewToken | None = None,
        refresh_token: NewToken | None = None,
        leeway: timedelta = _NOTHING,
    ) -> Redemption:
        """Redeem a device code that a user has approved (RFC 8628 section 3.4).

        Works like `redeem_code`, with the `leeway` of `refresh`: a device that polls
        twice or loses the answer keeps its family. Call `device_authorizations.poll`
        first: it returns the answer for a code that is not redeemable.
        """
        return await self._redeem(
            "redemptions.redeem_device_code",
            tenant_id=tenant_id,
            token_hash=token_hash,
            type="device_code",
            client_id=client_id,
            redemption_id=redemption_id,
            redirect_uri=None,
            code_challenge=None,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            leeway=check_leeway(leeway),
            access_token=access_token,
            refresh_token=refresh_token,
        )

    async def refresh(
        self,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        client_id: str,
        redemption_id: UUID,
        refresh_token: NewToken | None,
        access_token: NewToken | None = None,
        scopes: Sequence[str] | None = None,
        resources: Sequence[str] | None = None,
        authorization_details: JsonArray | None = None,
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        leeway: timedelta = _NOTHING,
    ) -> Redemption:
        """Replace a refresh token by a new one (RFC 6749 section 6, RFC 9700 4.14.2).

        Works like `redeem_code`. The new token's lifetime limits how long it stays
        idle; the family ends at its own end. Fewer `scopes`, `resources` or
        `authorization_details` restrict the access token only. A request within
        `leeway` (at most 24 hours) of another one's redemption, and before the new
        refresh token is used, gets recently_redeemed: it neither issues nor revokes. A
        server that derives the strings of successors (`derive_token`) can send it the
        answer of the first request.

        With `refresh_token=None` the presented token is not used up and keeps its end.
        The outcome is `refreshed` for a confidential client and for a token bound to a
        key, else `rotation_required` (RFC 9700 section 4.14.2). A retry issues another
        access token, which must not be derived.
        """
        if refresh_token is None and access_token is None:
            message = "access_token must be a NewToken if refresh_token is None"
            raise InvalidArgumentError(
                message, argument="access_token", query="redemptions.refresh"
            )
        return await self._redeem(
            "redemptions.refresh",
            tenant_id=tenant_id,
            token_hash=token_hash,
            type="refresh",
            client_id=client_id,
            redemption_id=redemption_id,
            redirect_uri=None,
            code_challenge=None,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            leeway=check_leeway(leeway),
            access_token=access_token,
            refresh_token=refresh_token,
        )

    async def _redeem(
        self,
        call: str,
        *,
        tenant_id: UUID,
        token_hash: bytes,
        type: TokenType,
        client_id: str,
        redemption_id: UUID,
        redirect_uri: str | None,
        code_challenge: str | None,
        cnf_jkt: str | None,
        cnf_x5t_s256: str | None,
        scopes: Sequence[str] | None,
        resources: Sequence[str] | None,
        authorization_details: JsonArray | None,
        leeway: timedelta,
        access_token: NewToken | None,
        refresh_token: NewToken | None,
    ) -> Redemption:
        check_new_tokens(access_token=access_token, refresh_token=refresh_token)
        # Codes of another store have expired by the time of an import.
        check_hash = check_token_hash if type == "refresh" else check_digest
        redeem = partial(
            queries.redeem_async,
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_hash("token_hash", token_hash),
            type=type,
            client_id=client_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            redemption_id=redemption_id,
            leeway=leeway,
            access_token_hash=access_token.hash if access_token else None,
            access_lifetime=access_token.lifetime if access_token else None,
            refresh_token_hash=refresh_token.hash if refresh_token else None,
            refresh_lifetime=refresh_token.lifetime if refresh_token else None,
        )
        async with self._at_once(call):
            redemption = await redeem()
            if redemption.outcome in _REDEEMED_BEFORE and _has_no_tokens(redemption):
                # The statement waited for the other request, but cannot see its rows.
                redemption = await redeem()
        return redemption


def _has_no_tokens(redemption: Redemption) -> bool:
    return redemption.access_token_id is None and redemption.refresh_token_id is None
