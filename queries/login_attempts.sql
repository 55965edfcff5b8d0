-- name: record(tenant_id, username, user_id, client_id, address, outcome, reason, correlation_id)^
-- The attempt as logged.
-- @row LoginAttempt
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
    authority.normalize_username(:username),
    :user_id,
    :client_id,
    :address,
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

-- name: list_recent_by_username(tenant_id, username, within, page_size)
-- One attempt to sign in as this username within the time, newest first.
select
    login_attempts.tenant_id,
    login_attempts.id,
    login_attempts.username,
    login_attempts.user_id,
    login_attempts.client_id,
    login_attempts.address,
    login_attempts.outcome,
    login_attempts.reason,
    login_attempts.correlation_id,
    login_attempts.created_at
from authority.login_attempts
where
    login_attempts.tenant_id = :tenant_id
    and login_attempts.username = authority.normalize_username(:username)
    and login_attempts.created_at > authority.clock() - :within::interval
order by login_attempts.created_at desc
limit :page_size;

-- name: list_recent_by_address(tenant_id, address, within, page_size)
-- One attempt from this network address within the time, newest first.
-- @row LoginAttempt
-- @nullable address
select
    login_attempts.tenant_id,
    login_attempts.id,
    login_attempts.username,
    login_attempts.user_id,
    login_attempts.client_id,
    login_attempts.address,
    login_attempts.outcome,
    login_attempts.reason,
    login_attempts.correlation_id,
    login_attempts.created_at
from authority.login_attempts
where
    login_attempts.tenant_id = :tenant_id
    and login_attempts.address = :address
    and login_attempts.created_at > authority.clock() - :within::interval
order by login_attempts.created_at desc
limit :page_size;

-- name: reserve(tenant_id, username, address, factor, attempt_limit, time_window)^
-- Whether one more check of the factor may be made now for this account from this
-- network; counted before it is made, so that racing guesses get attempt_limit checks
-- and not one more. The window starts with its first check and does not move.
-- @row ThrottleDecision
insert into authority.login_throttles (
    tenant_id,
    username,
    address_prefix,
    factor,
    attempts,
    window_ends_at
)
values (
    :tenant_id,
    authority.normalize_username(:username),
    authority.address_prefix(:address),
    :factor,
    1,
    authority.clock() + :time_window
)
on conflict (tenant_id, username, address_prefix, factor) do update
    set
        attempts = case
            when login_throttles.window_ends_at <= authority.clock() then 1
            else login_throttles.attempts + 1
        end,
        window_ends_at = case
            when login_throttles.window_ends_at <= authority.clock()
                then excluded.window_ends_at
            else login_throttles.window_ends_at
        end,
        updated_at = authority.clock()
returning
    login_throttles.attempts <= :attempt_limit as allowed,
    greatest(:attempt_limit - login_throttles.attempts, 0) as remaining,
    case
        when login_throttles.attempts > :attempt_limit
            then greatest(
                login_throttles.window_ends_at - authority.clock(),
                interval '0'
            )
    end as retry_after;

-- name: succeed(tenant_id, username, address, factor)!
-- Forgets the reservations for this account from this network: its owner came in.
delete from authority.login_throttles
where
    login_throttles.tenant_id = :tenant_id
    and login_throttles.username = authority.normalize_username(:username)
    and login_throttles.address_prefix::inet = authority.address_prefix(:address)::inet
    and login_throttles.factor = :factor;

-- name: fail(tenant_id, username, address, factor)!
-- Notes that the reserved check failed; it stays counted until the window ends.
update authority.login_throttles
set
    last_failed_at = authority.clock(),
    updated_at = authority.clock()
where
    login_throttles.tenant_id = :tenant_id
    and login_throttles.username = authority.normalize_username(:username)
    and login_throttles.address_prefix::inet = authority.address_prefix(:address)::inet
    and login_throttles.factor = :factor;

-- name: prune_throttles(batch_size)!
-- Deletes throttles, of all tenants, whose window has ended.
-- @plan cross_tenant -- Prunes for all tenants at once.
-- @plan seq_scan authority.login_throttles -- Planned without its value, batch_size
--   is taken for a tenth of the rows. With it each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.username,
        candidates.address_prefix,
        candidates.factor
    from authority.login_throttles as candidates
    where candidates.window_ends_at < authority.clock()
    order by candidates.window_ends_at
    limit :batch_size
    for update skip locked
)

delete from authority.login_throttles
using doomed
where
    login_throttles.tenant_id = doomed.tenant_id
    and login_throttles.username = doomed.username
    and login_throttles.address_prefix::inet = doomed.address_prefix::inet
    and login_throttles.factor = doomed.factor;

-- name: create_partitions(months_ahead)$
-- How many monthly partitions of the log were missing and have been made: this month
-- and months_ahead more.
-- @param months_ahead notnull
-- @notnull created -- The function counts.
-- @role authority_maintenance
select authority.create_login_attempt_partitions(:months_ahead) as created;
