"""The log of sign-in attempts, and the throttle in front of them."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from authority_queries.errors import InvalidArgumentError
from authority_queries.names import lookup_key
from authority_queries.queries import login_attempts as queries
from authority_queries.records import (
    LoginAttempt,
    LoginAttemptOutcome,
    ThrottleDecision,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    MAX_MONTHS_AHEAD,
    check_address,
    check_count,
    check_limit,
    check_not_negative,
    check_positive,
    check_within,
)

_DAY = timedelta(days=1)
_MONTH = timedelta(days=30)
_QUARTER_HOUR = timedelta(minutes=15)
_RETENTION = timedelta(days=400)
# A guess of a user code names no account: more accounts must not mean more guesses.
_TENANT_LIMITS: Final = {"user_code": 100}


class AsyncLoginAttempts(AsyncRepository):
    """Queries of `queries/login_attempts.sql`."""

    async def record(
        self,
        *,
        tenant_id: UUID,
        username: str,
        outcome: LoginAttemptOutcome,
        user_id: UUID | None = None,
        client_id: str | None = None,
        address: IPv4Address | IPv6Address | None = None,
        reason: str | None = None,
        correlation_id: str | None = None,
    ) -> LoginAttempt:
        """Log an attempt. `username` is what was typed, and may name nobody.

        Names that nobody can have are logged as INVALID. The IPv4 address inside a
        mapped or NAT64 address is logged, and no zone. `reserve` logs `throttled`, so
        that a flood is not logged whole: here it raises InvalidArgumentError. Raises
        MissingReferenceError for an unknown tenant, InvalidValueError.
        """
        if outcome == "throttled":
            message = "outcome must be failed or succeeded: reserve logs throttled"
            raise InvalidArgumentError(message, argument="outcome")
        return await queries.record_async(
            self._connection,
            tenant_id=tenant_id,
            username_key=lookup_key(username),
            user_id=user_id,
            client_id=client_id,
            address=check_address("address", address),
            outcome=outcome,
            reason=reason,
            correlation_id=correlation_id,
        )

    async def list_recent_by_username(
        self,
        *,
        tenant_id: UUID,
        username: str,
        within: timedelta = _DAY,
        limit: int = 100,
    ) -> Sequence[LoginAttempt]:
        """List attempts to sign in as this username, newest first."""
        return await queries.list_recent_by_username_async(
            self._connection,
            tenant_id=tenant_id,
            username_key=lookup_key(username),
            within=within,
            page_size=check_limit(limit),
        )

    async def list_recent_by_address(
        self,
        *,
        tenant_id: UUID,
        address: IPv4Address | IPv6Address,
        within: timedelta = _DAY,
        limit: int = 100,
    ) -> Sequence[LoginAttempt]:
        """List attempts from this host, in any spelling, newest first."""
        return await queries.list_recent_by_address_async(
            self._connection,
            tenant_id=tenant_id,
            address=check_address("address", address),
            within=within,
            page_size=check_limit(limit),
        )

    async def reserve(
        self,
        *,
        tenant_id: UUID,
        username: str,
        address: IPv4Address | IPv6Address,
        factor: str,
        pair_limit: int = 10,
        account_limit: int = 50,
        network_limit: int = 200,
        tenant_limit: int | None = None,
        time_window: timedelta = _QUARTER_HOUR,
    ) -> ThrottleDecision:
        """Ask, before a check of a factor, whether it may be made.

        It is counted in leaky buckets, or in none when one is full: of the account from
        this network (/24 or /64), of the account from everywhere, of the network (/24
        or /48) for all accounts, and of the whole tenant if `tenant_limit` is given, or
        the factor is `user_code`, where it is 100. A limit of 10 is 10 checks at once,
        however many ask, and one more each time that a tenth of `time_window` has gone
        by. While the account is trusted in this network (`succeed`), its bucket of
        everywhere is left out. Refused or not, an account that does not exist is
        treated alike.

        `retry_after` is for the client; `refused_by` (pair, account, network or tenant)
        and `remaining`, of the fullest bucket, are for operators. Refusals are logged
        here, once a minute for each bucket, as `throttled` with `refused_by` as the
        reason. After a check that succeeded call `succeed`; one that failed stays
        counted. For codes of few digits give lower limits. Raises OpenTransactionError,
        InvalidArgumentError, InvalidValueError.
        """
        if tenant_limit is None:
            tenant_limit = _TENANT_LIMITS.get(factor)
        else:
            check_count("tenant_limit", tenant_limit)
        async with self._at_once("login_attempts.reserve"):
            return await queries.reserve_async(
                self._connection,
                tenant_id=tenant_id,
                username_key=lookup_key(username),
                address=check_address("address", address),
                factor=factor,
                pair_limit=check_count("pair_limit", pair_limit),
                account_limit=check_count("account_limit", account_limit),
                network_limit=check_count("network_limit", network_limit),
                tenant_limit=tenant_limit,
                time_window=check_positive("time_window", time_window),
            )

    async def succeed(
        self,
        *,
        tenant_id: UUID,
        username: str,
        address: IPv4Address | IPv6Address,
        factor: str,
        trusted_for: timedelta = _MONTH,
    ) -> None:
        """Note that the reserved check succeeded: the owner of the account came in.

        Forgets the checks of this account from this network, and trusts it there for
        `trusted_for`, beside its 9 latest other networks. The account's and the
        network's buckets get this one check back: guesses of others stay counted.
        Raises OpenTransactionError.
        """
        async with self._at_once("login_attempts.succeed"):
            await queries.succeed_async(
                self._connection,
                tenant_id=tenant_id,
                username_key=lookup_key(username),
                address=check_address("address", address),
                factor=factor,
                trusted_for=check_not_negative("trusted_for", trusted_for),
            )

    async def prune_throttles(self, *, batch_size: int = 1000) -> int:
        """Delete a batch of throttles, of all tenants, that say nothing any more.

        Those are empty and trusted no more. Gives how many; call again while it is
        `batch_size`.
        """
        return await queries.prune_throttles_async(
            self._connection, batch_size=batch_size
        )

    async def create_partitions(self, *, months_ahead: int = 3) -> int:
        """Make the log's monthly partitions up to this many months ahead, at most 120.

        Run monthly, as an operator. Gives how many were missing.
        """
        return await queries.create_partitions_async(
            self._connection,
            months_ahead=check_within(
                "months_ahead", months_ahead, 0, MAX_MONTHS_AHEAD
            ),
        )

    async def drop_partitions(self, *, retention: timedelta = _RETENTION) -> int:
        """Drop the log's monthly partitions that end before the retention begins.

        Run monthly, as an operator. Gives how many. It locks the log for a moment, and
        gives up after 2 s of waiting with psycopg's LockNotAvailable: call again.
        """
        return await queries.drop_partitions_async(
            self._connection, retention=check_not_negative("retention", retention)
        )

    async def prune_default(
        self, *, retention: timedelta = _RETENTION, batch_size: int = 1000
    ) -> int:
        """Delete a batch of old attempts that are in no monthly partition.

        Gives how many; call again while it is `batch_size`.
        """
        return await queries.prune_default_async(
            self._connection,
            retention=check_not_negative("retention", retention),
            batch_size=batch_size,
        )
