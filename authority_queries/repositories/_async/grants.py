"""What OAuth's grants issue: codes, refresh tokens and access tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import InvalidArgumentError
from authority_queries.queries import grants as queries
from authority_queries.records import (
    ClientTokenIssuance,
    CodeIssuance,
    Redemption,
    TokenExchange,
    TokenType,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_code_challenge,
    check_digest,
    check_not_negative,
    check_optional_digest,
    check_optional_positive,
    check_positive,
)
from authority_queries.repositories.values import NewToken, check_new_tokens
from authority_queries.secrets import code_challenge_of

_CODE_LIFETIME: Final = timedelta(minutes=1)
_NOTHING: Final = timedelta(0)
_REDEEMED_BEFORE: Final = ("already_redeemed", "recently_redeemed")


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
        access_token: NewToken | None = None,
        refresh_token: NewToken | None = None,
    ) -> Redemption:
        """Redeem an authorization code for the tokens that are given.

        Exactly once (RFC 6749 section 4.1.2): of any number of racers one gets
        `redeemed`. `redemption_id` is an id that the server made for the request,
        never one of the client's: repeated, it gives already_redeemed and the same
        row. Another request gets `reused`, which has ended the family, for good: so
        it is refused inside a transaction (OpenTransactionError). `cnf_jkt` and
        `cnf_x5t_s256` are what the request has proved; the access token is bound to
        it, and a public client's refresh token too (RFC 9449 section 5, RFC 8705
        section 4). A `redirect_uri` may be left out where the client has registered
        one and no more, as OAuth 2.1 does. A `code_verifier` that RFC 7636 section 4.1
        does not allow matches no code. Raises DuplicateError.
        """
        return await self._redeem(
            "grants.redeem_code",
            tenant_id=tenant_id,
            token_hash=token_hash,
            type="authorization_code",
            client_id=client_id,
            redemption_id=redemption_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge_of(code_verifier),
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            scopes=None,
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
        access_token: NewToken | None = None,
        refresh_token: NewToken | None = None,
        leeway: timedelta = _NOTHING,
    ) -> Redemption:
        """Redeem a device code that a user has approved (RFC 8628 section 3.4).

        As `redeem_code`, and `leeway` as of `refresh`: a device that polls twice, or
        lost the answer, keeps its family. Call `device_authorizations.poll` first: it
        returns the answer for a code that is not redeemable.
        """
        return await self._redeem(
            "grants.redeem_device_code",
            tenant_id=tenant_id,
            token_hash=token_hash,
            type="device_code",
            client_id=client_id,
            redemption_id=redemption_id,
            redirect_uri=None,
            code_challenge=None,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            scopes=None,
            leeway=check_not_negative("leeway", leeway),
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
        cnf_jkt: str | None = None,
        cnf_x5t_s256: str | None = None,
        leeway: timedelta = _NOTHING,
    ) -> Redemption:
        """Replace a refresh token by a new one (RFC 6749 section 6, RFC 9700 4.14.2).

        As `redeem_code`; the new one's lifetime is how long it may stay idle, and the
        family's own end stands. Fewer `scopes` are the access token's only. A
        request that comes within `leeway` of another one's redemption, and before
        the new refresh token is used, gets recently_redeemed: no second branch, and
        no revocation. A server that derives the strings of successors (`derive_token`)
        can answer it as the first one.

        With None for `refresh_token` the presented one is not used up, and lives as
        long as it did: `refreshed`, for a confidential client and for a token that is
        bound to a key; `rotation_required` for any other (RFC 9700 section 4.14.2). A
        retry issues another access token, which must not be derived.
        """
        if refresh_token is None and access_token is None:
            message = "access_token must be a NewToken where refresh_token is None"
            raise InvalidArgumentError(
                message, argument="access_token", query="grants.refresh"
            )
        return await self._redeem(
            "grants.refresh",
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
            leeway=check_not_negative("leeway", leeway),
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
        leeway: timedelta,
        access_token: NewToken | None,
        refresh_token: NewToken | None,
    ) -> Redemption:
        check_new_tokens(access_token=access_token, refresh_token=refresh_token)
        redeem = partial(
            queries.redeem_async,
            self._connection,
            tenant_id=tenant_id,
            token_hash=check_digest("token_hash", token_hash),
            type=type,
            client_id=client_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            cnf_jkt=cnf_jkt,
            cnf_x5t_s256=cnf_x5t_s256,
            scopes=scopes,
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
                # It waited for the other request, whose tokens it could not see yet.
                redemption = await redeem()
        return redemption


def _has_no_tokens(redemption: Redemption) -> bool:
    return redemption.access_token_id is None and redemption.refresh_token_id is None
