"""The log of sign-in attempts, and the throttle that precedes them."""

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
from authority_queries.repositories._async.login_attempt_lists import (
    AsyncLoginAttemptLists,
)
from authority_queries.repositories.arguments import (
    MAX_MONTHS_AHEAD,
    check_count,
    check_host,
    check_not_negative,
    check_positive,
    check_within,
)
from authority_queries.repositories.row_batches import encode_rows
from authority_queries.repositories.rows import PastLoginAttempt

_DAY = timedelta(days=1)
_MONTH = timedelta(days=30)
_QUARTER_HOUR = timedelta(minutes=15)
_RETENTION = timedelta(days=400)
# A user code belongs to no account: a guesser with more accounts gets no more guesses.
_TENANT_LIMITS: Final = {"user_code": 100}
# Three codes of six digits are right at any time.
_ACCOUNT_LIMITS: Final = {"totp": 5}
_ACCOUNT_LIMIT: Final = 50


class AsyncLoginAttempts(AsyncLoginAttemptLists):
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
        """Log an attempt. `username` is what was typed; no such user need exist.

        A name that no user can have is logged as INVALID, a mapped or NAT64 address as
        the IPv4 address inside it, without a zone. Raises MissingReferenceError for an
        unknown tenant, InvalidValueError; InvalidArgumentError for `throttled`, which
        only `reserve` logs, once a minute.
        """
        if outcome == "throttled":
            message = (
                "outcome must be failed or succeeded, not throttled: reserve logs that"
            )
            raise InvalidArgumentError(message, argument="outcome")
        return await queries.record_async(
            self._connection,
            tenant_id=tenant_id,
            username_key=lookup_key(username),
            user_id=user_id,
            client_id=client_id,
            address=check_host("address", address),
            outcome=outcome,
            reason=reason,
            correlation_id=correlation_id,
        )

    async def record_many(
        self, *, tenant_id: UUID, attempts: Sequence[PastLoginAttempt]
    ) -> int:
        """Log attempts that were made elsewhere, and return how many: all or none.

        For the history of another system, or an edge that reports in batches: at most
        1000. Throttles do not count them. A repetition logs them again. An error names
        the attempt, from 0, and its field: `attempts[17].address`. Raises as `record`.
        """
        return await queries.record_many_async(
            self._connection,
            tenant_id=tenant_id,
            rows=encode_rows("attempts", attempts, PastLoginAttempt),
        )

    async def reserve(
        self,
        *,
        tenant_id: UUID,
        username: str,
        address: IPv4Address | IPv6Address,
        factor: str,
        pair_limit: int = 10,
        account_limit: int | None = None,
        network_limit: int = 200,
        tenant_limit: int | None = None,
        time_window: timedelta = _QUARTER_HOUR,
    ) -> ThrottleDecision:
        """Reserve a check of a factor, before you make it.

        A check counts in each of these leaky buckets, or in none if one is full:

        - pair: the account from this network (/24 or /64);
        - account: the account from everywhere, unless `succeed` made this network
          trusted; 50 by default, and 5 for `totp`;
        - network: all accounts from this network (/24 or /48);
        - tenant: the whole tenant, if `tenant_limit` is given; 100 for `user_code`.

        A limit of 10 admits 10 checks at once, also of concurrent callers, and one more
        per tenth of `time_window`. Accounts that do not exist get the same answers. Use
        lower limits for codes of few digits.

        `retry_after` is for the client; `refused_by`, a bucket's name, and `remaining`,
        of the fullest bucket, are for operators. This logs refusals as `throttled`,
        with `refused_by` as the reason, once a minute per bucket. Call `succeed` after
        a successful check; a failed check stays counted. Raises OpenTransactionError,
        InvalidArgumentError, InvalidValueError.
        """
        if account_limit is None:
            account_limit = _ACCOUNT_LIMITS.get(factor, _ACCOUNT_LIMIT)
        if tenant_limit is None:
            tenant_limit = _TENANT_LIMITS.get(factor)
        else:
            check_count("tenant_limit", tenant_limit)
        async with self._at_once("login_attempts.reserve"):
            return await queries.reserve_async(
                self._connection,
                tenant_id=tenant_id,
                username_key=lookup_key(username),
                address=check_host("address", address),
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
        """Record that the reserved check succeeded.

        Empties the pair's bucket, and trusts the account in this network for
        `trusted_for`, as in its 9 latest other networks. Takes only this check back
        from the account's and the network's buckets: guesses of others stay counted.
        Raises OpenTransactionError.
        """
        async with self._at_once("login_attempts.succeed"):
            await queries.succeed_async(
                self._connection,
                tenant_id=tenant_id,
                username_key=lookup_key(username),
                address=check_host("address", address),
                factor=factor,
                trusted_for=check_not_negative("trusted_for", trusted_for),
            )

    async def prune_throttles(self, *, batch_size: int = 1000) -> int:
        """Delete a batch of throttles that are empty and not trusted, of all tenants.

        Returns how many; call it again while that is `batch_size`.
        """
        return await queries.prune_throttles_async(
            self._connection, batch_size=batch_size
        )

    async def create_partitions(self, *, months_ahead: int = 3) -> int:
        """Create the log's missing partitions, up to this many months ahead (0 to 120).

        Run it monthly, as an operator. Returns how many it created.
        """
        return await queries.create_partitions_async(
            self._connection,
            months_ahead=check_within(
                "months_ahead", months_ahead, 0, MAX_MONTHS_AHEAD
            ),
        )

    async def drop_partitions(self, *, retention: timedelta = _RETENTION) -> int:
        """Drop the log's monthly partitions that end before the retention begins.

        Run it monthly, as an operator. Returns how many it dropped. Locks the log for a
        moment; raises psycopg's LockNotAvailable after waiting 2 s: call it again.
        """
        return await queries.drop_partitions_async(
            self._connection, retention=check_not_negative("retention", retention)
        )

    async def prune_default(
        self, *, retention: timedelta = _RETENTION, batch_size: int = 1000
    ) -> int:
        """Delete a batch of old attempts that are in no monthly partition.

        Returns how many; call it again while that is `batch_size`.
        """
        return await queries.prune_default_async(
            self._connection,
            retention=check_not_negative("retention", retention),
            batch_size=batch_size,
        )
