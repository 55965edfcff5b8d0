-- name: record(tenant_id, username_key, user_id, client_id, address, outcome, reason, correlation_id)^
-- The logged attempt.
-- @row LoginAttempt
-- @param address nullable
insert into authority.login_attempts (
    tenant_id,
    username,
    user_id,
    client_id,
    address,
    outcome,
    reason,
    correlation_id
)
values (
    :tenant_id,
    :username_key,
    :user_id,
    :client_id,
    authority.canonical_address(:address),
    :outcome,
    :reason,
    :correlation_id
)
returning
    login_attempts.tenant_id,
    login_attempts.id,
    login_attempts.username,
    login_attempts.user_id,
    login_attempts.client_id,
    login_attempts.address,
    login_attempts.outcome,
    login_attempts.reason,
    login_attempts.correlation_id,
    login_attempts.created_at;

-- name: record_many(tenant_id, rows)!
-- Logs attempts that were made elsewhere, each at its time: a null created_at or one in
-- the future means now. An attempt of a month without a partition is in the default
-- partition. rows is a JSON array of objects.
insert into authority.login_attempts (
    tenant_id,
    username,
    user_id,
    client_id,
    address,
    outcome,
    reason,
    correlation_id,
    created_at
)
select
    :tenant_id,
    attempts.username_key,
    attempts.user_id,
    attempts.client_id,
    authority.canonical_address(attempts.address) as address,
    attempts.outcome,
    attempts.reason,
    attempts.correlation_id,
    least(attempts.created_at, authority.clock()) as created_at
from json_to_recordset((:rows::text)::json) as attempts (
    username_key text,
    user_id uuid,
    client_id text,
    address inet,
    outcome text,
    reason text,
    correlation_id text,
    created_at timestamptz
);

-- name: list_recent_by_username(tenant_id, username_key, within, after_created_at, after_id, page_size)
-- One attempt to sign in as this username within the given time, newest first,
-- starting after the given one.
-- @row LoginAttempt
select
    login_attempts.tenant_id, login_attempts.id, login_attempts.username,
    login_attempts.user_id, login_attempts.client_id, login_attempts.address,
    login_attempts.outcome, login_attempts.reason, login_attempts.correlation_id,
    login_attempts.created_at
from authority.login_attempts
where
    login_attempts.tenant_id = :tenant_id
    and login_attempts.username = :username_key
    and login_attempts.created_at > authority.clock() - :within::interval
    and (login_attempts.created_at, login_attempts.id)
    < (:after_created_at, :after_id)
order by login_attempts.created_at desc, login_attempts.id desc
limit :page_size;

-- name: list_recent_by_address(tenant_id, address, within, after_created_at, after_id, page_size)
-- One attempt from this network address within the given time, newest first,
-- starting after the given one.
-- @row LoginAttempt
-- @nullable address
select
    login_attempts.tenant_id, login_attempts.id, login_attempts.username,
    login_attempts.user_id, login_attempts.client_id, login_attempts.address,
    login_attempts.outcome, login_attempts.reason, login_attempts.correlation_id,
    login_attempts.created_at
from authority.login_attempts
where
    login_attempts.tenant_id = :tenant_id
    and login_attempts.address = authority.canonical_address(:address)
    and login_attempts.created_at > authority.clock() - :within::interval
    and (login_attempts.created_at, login_attempts.id)
    < (:after_created_at, :after_id)
order by login_attempts.created_at desc, login_attempts.id desc
limit :page_size;

-- name: reserve(tenant_id, username_key, address, factor, pair_limit, account_limit, network_limit, tenant_limit, time_window)^
-- Whether one more check of the factor is allowed now, for this account from this
-- network. The check is counted before it is made, in all buckets or in none:
-- those of the pair, of the account, of the network and, unless its limit is null,
-- of the tenant. Each bucket logs at most one refusal a minute. Nothing here
-- depends on whether the account exists (RFC 6819 sections 4.4.3.6 and 5.1.4.2.4;
-- NIST SP 800-63B-4 section 3.2.2).
-- @row ThrottleDecision
-- @notnull allowed -- The function always returns a decision.
-- @notnull remaining -- The function returns a count.
select
    decision.allowed,
    decision.remaining,
    decision.retry_after,
    decision.refused_by
from (values (true)) as calls (is_made) -- there is always one row
left join authority.reserve_login_attempt(
    :tenant_id,
    :username_key,
    :address,
    :factor,
    :pair_limit,
    :account_limit,
    :network_limit,
    :tenant_limit,
    :time_window
) as decision on calls.is_made;

-- name: succeed(tenant_id, username_key, address, factor, trusted_for)!
-- Empties the bucket of the pair, whose owner has signed in (NIST SP 800-63B-4
-- section 3.2.2), and marks the pair as trusted. Takes this one reservation, once,
-- out of the buckets of the account and of the network. The account is trusted in
-- its 10 latest networks. The statement locks in the same order as the
-- reservations, and does not wait for other pairs.
with given as (
    select authority.clock() as moment
),

buckets as (
    select
        login_throttles.id,
        login_throttles.username is not null
        and login_throttles.address_prefix is not null as is_pair,
        given.moment,
        login_throttles.drains_at > given.moment as is_filled,
        login_throttles.account_cost,
        login_throttles.network_cost
    from authority.login_throttles
    cross join given
    where
        login_throttles.tenant_id = :tenant_id
        and login_throttles.factor = :factor
        and (
            login_throttles.username = :username_key
            and login_throttles.address_prefix::inet
            = authority.address_prefix(:address)::inet
            or login_throttles.username = :username_key
            and login_throttles.address_prefix is null
            or login_throttles.username is null
            and login_throttles.address_prefix::inet
            = authority.address_site(:address)::inet
        )
    order by
        login_throttles.username is null,
        login_throttles.address_prefix is null
    for no key update of login_throttles
),

refund as (
    select
        case when buckets.is_filled then buckets.account_cost end as account_cost,
        case when buckets.is_filled then buckets.network_cost end as network_cost
    from buckets
    where buckets.is_pair
),

ranked as (
    select
        login_throttles.id,
        row_number() over (order by login_throttles.trusted_until desc) as position
    from authority.login_throttles
    where
        login_throttles.tenant_id = :tenant_id
        and login_throttles.username = :username_key
        and login_throttles.address_prefix::inet
        <> authority.address_prefix(:address)::inet
        and login_throttles.factor = :factor
        and login_throttles.trusted_until > authority.clock()
),

surplus as (
    select login_throttles.id
    from refund
    inner join authority.login_throttles
        on
            login_throttles.tenant_id = :tenant_id
            and login_throttles.id = any(
                array(
                    select ranked.id
                    from ranked
                    where ranked.position > 9
                )
            )
    for no key update of login_throttles skip locked
),

forgotten as (
    update authority.login_throttles
    set trusted_until = null
    from surplus
    where
        login_throttles.tenant_id = :tenant_id
        and login_throttles.id = surplus.id
)

update authority.login_throttles
set
    drains_at = case
        when login_throttles.address_prefix is null
            then login_throttles.drains_at - refund.account_cost
        when login_throttles.username is null
            then login_throttles.drains_at - refund.network_cost
        else buckets.moment
    end,
    account_cost = null,
    network_cost = null,
    trusted_until = case
        when buckets.is_pair then buckets.moment + :trusted_for::interval
    end,
    updated_at = greatest(login_throttles.updated_at, buckets.moment)
from buckets
cross join refund
where
    login_throttles.tenant_id = :tenant_id
    and login_throttles.id = buckets.id
    and (
        buckets.is_pair
        or login_throttles.address_prefix is null
        and refund.account_cost is not null
        or login_throttles.username is null
        and refund.network_cost is not null
    );

-- name: prune_throttles(batch_size)!
-- Deletes throttles of all tenants that are empty and no longer trusted, up to an
-- hour after they became so.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.login_throttles -- The generic plan assumes that batch_size
--   is a tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.login_throttles as candidates
    where candidates.ending_hour < authority.clock() - interval '1 hour'
    order by candidates.ending_hour
    limit :batch_size
    for update skip locked
)

delete from authority.login_throttles
using doomed
where
    login_throttles.tenant_id = doomed.tenant_id
    and login_throttles.id = doomed.id;

-- name: create_partitions(months_ahead)$
-- The number of missing monthly partitions of the log that were created, from this
-- month to months_ahead months later.
-- @param months_ahead notnull
-- @notnull created -- The function returns a count.
-- @role authority_maintenance
select authority.create_login_attempt_partitions(:months_ahead) as created;

-- name: drop_partitions(retention)$
-- The number of monthly partitions of the log that were dropped because they end
-- before the retention begins.
-- @param retention notnull
-- @notnull dropped -- The function returns a count.
-- @role authority_maintenance
select authority.drop_login_attempt_partitions(:retention) as dropped;

-- name: prune_default(retention, batch_size)$
-- The number of attempts older than the retention that were deleted from the
-- default partition, which is never dropped.
-- @param retention notnull
-- @param batch_size notnull
-- @notnull pruned -- The function returns a count.
-- @role authority_maintenance
select authority.prune_default_login_attempts(:retention, :batch_size) as pruned;
