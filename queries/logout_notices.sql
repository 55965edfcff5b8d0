-- name: claim(tenant_id, lease, most_attempts, batch_size)
-- One logout notice to send now, and what its logout token contains (OpenID Connect
-- Back-Channel Logout section 2.4). No other worker gets it before the lease has ended,
-- and nobody after its delivery. A notice that was claimed most_attempts times, that
-- has expired, or whose client has no backchannel_logout_uri any more is given up
-- instead, so there may be fewer rows than batch_size while more notices wait.
-- @row LogoutNotice
-- @notnull backchannel_logout_uri -- A notice without it is given up.
with due as (
    select
        logout_notices.id,
        logout_notices.client_uuid,
        logout_notices.session_id,
        authority.clock() as now,
        logout_notices.expires_at <= authority.clock() as is_late,
        logout_notices.attempts >= :most_attempts as is_exhausted
    from authority.logout_notices
    where
        logout_notices.tenant_id = :tenant_id
        and logout_notices.status = 'waiting'
        and logout_notices.next_attempt_at <= authority.clock()
    order by logout_notices.next_attempt_at
    limit :batch_size
    for update skip locked
),

judged as (
    select
        due.id,
        due.now,
        sessions.sid,
        users.subject_id,
        clients.client_id,
        clients.backchannel_logout_uri,
        clients.backchannel_logout_session_required,
        case
            when due.is_late then 'the notice has expired'
            when due.is_exhausted then 'the last worker has not reported'
            when clients.backchannel_logout_uri is null
                then 'the client has no backchannel_logout_uri'
        end as obstacle
    from due
    inner join authority.sessions
        on
            sessions.tenant_id = :tenant_id
            and due.session_id = sessions.id
    inner join authority.users
        on
            users.tenant_id = :tenant_id
            and sessions.user_id = users.id
    inner join authority.clients
        on
            clients.tenant_id = :tenant_id
            and due.client_uuid = clients.id
),

claimed as (
    update authority.logout_notices
    set
        status = case when judged.obstacle is null then 'waiting' else 'given_up' end,
        attempts = logout_notices.attempts
        + case when judged.obstacle is null then 1 else 0 end,
        next_attempt_at = judged.now + :lease,
        last_error = coalesce(judged.obstacle, logout_notices.last_error),
        finished_at = case when judged.obstacle is not null then judged.now end
    from judged
    where
        logout_notices.tenant_id = :tenant_id
        and logout_notices.id = judged.id
    returning
        logout_notices.tenant_id,
        logout_notices.id,
        logout_notices.session_id,
        logout_notices.client_uuid,
        logout_notices.status,
        logout_notices.attempts,
        logout_notices.next_attempt_at,
        logout_notices.expires_at
)

select
    claimed.tenant_id,
    claimed.id,
    claimed.session_id,
    judged.sid,
    judged.subject_id,
    claimed.client_uuid,
    judged.client_id,
    judged.backchannel_logout_uri,
    judged.backchannel_logout_session_required,
    claimed.attempts,
    claimed.next_attempt_at,
    claimed.expires_at
from claimed
inner join judged on claimed.id = judged.id
where claimed.status = 'waiting'
order by claimed.id;

-- name: record_delivery(tenant_id, notice_id)!
-- Returns 1 when the notice is now delivered, 0 when it was before or is unknown. A
-- worker that was slower than its lease has delivered it too.
update authority.logout_notices
set
    status = 'delivered',
    finished_at = authority.clock()
where
    logout_notices.tenant_id = :tenant_id
    and logout_notices.id = :notice_id
    and logout_notices.status <> 'delivered';

-- name: record_failure(tenant_id, notice_id, attempts, error, first_pause, longest_pause, most_attempts)^
-- The notice after a failed attempt, or no row when another worker has claimed it since
-- this attempt, which is attempts of the claim. After most_attempts it is given up.
-- Otherwise it waits for first_pause, twice that after the second attempt, and so on up
-- to longest_pause, each shortened at random by up to a half, so that notices that
-- failed at once are not sent again at once.
-- @row LogoutFailure
-- @param error notnull
with failed as (
    select
        authority.clock() as now,
        :attempts::bigint >= :most_attempts::bigint as is_last,
        least(
            :first_pause::interval * power(2, least(:attempts::bigint, 30) - 1),
            :longest_pause::interval
        ) * (1 - random() / 2) as pause
)

update authority.logout_notices
set
    status = case when failed.is_last then 'given_up' else 'waiting' end,
    next_attempt_at = failed.now + failed.pause,
    last_error = :error,
    finished_at = case when failed.is_last then failed.now end
from failed
where
    logout_notices.tenant_id = :tenant_id
    and logout_notices.id = :notice_id
    and logout_notices.status = 'waiting'
    and logout_notices.attempts = :attempts
returning
    logout_notices.id,
    logout_notices.status,
    logout_notices.attempts,
    logout_notices.next_attempt_at;

-- name: list_after(tenant_id, after, page_size)
-- One notice, in order of id, starting after the given id.
-- @row LogoutRecord
select
    logout_notices.tenant_id,
    logout_notices.id,
    logout_notices.session_id,
    logout_notices.client_uuid,
    logout_notices.status,
    logout_notices.attempts,
    logout_notices.next_attempt_at,
    logout_notices.last_error,
    logout_notices.finished_at,
    logout_notices.expires_at,
    logout_notices.created_at
from authority.logout_notices
where
    logout_notices.tenant_id = :tenant_id
    and logout_notices.id > :after
order by logout_notices.id
limit :page_size;

-- name: list_by_status_after(tenant_id, notice_status, after, page_size)
-- One notice with this status, otherwise as list_after.
-- @row LogoutRecord
select
    logout_notices.tenant_id, logout_notices.id, logout_notices.session_id,
    logout_notices.client_uuid, logout_notices.status, logout_notices.attempts,
    logout_notices.next_attempt_at, logout_notices.last_error,
    logout_notices.finished_at, logout_notices.expires_at, logout_notices.created_at
from authority.logout_notices
where
    logout_notices.tenant_id = :tenant_id
    and logout_notices.status = :notice_status
    and logout_notices.id > :after
order by logout_notices.id
limit :page_size;

-- name: list_tenants(page_size)
-- One tenant with notices that a worker can claim now. For a worker of many tenants,
-- which then claims in a unit of work of each.
-- @row TenantWithNotices
-- @plan cross_tenant -- The statement finds the tenants.
-- @role authority_maintenance
select distinct logout_notices.tenant_id
from authority.logout_notices
where
    logout_notices.status = 'waiting'
    and logout_notices.next_attempt_at <= authority.clock()
order by logout_notices.tenant_id
limit :page_size;

-- name: prune_expired(older_than, batch_size)!
-- Deletes logout notices of all tenants that expired longer ago than older_than,
-- delivered or not.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.logout_notices -- The generic plan assumes that batch_size
--   is a tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.logout_notices as candidates
    where candidates.expires_at < authority.clock() - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.logout_notices
using doomed
where
    logout_notices.tenant_id = doomed.tenant_id
    and logout_notices.id = doomed.id;
