-- name: create(tenant_id, request_uri_hash, client_id, parameters, lifetime)^
-- The pushed authorization request (RFC 9126 section 2.2), or no row when the
-- client is unknown or disabled or the tenant is not active. The request expires
-- by the database's clock. The statement locks the client against deletion and
-- checks it after the wait for that lock.
-- @row PushedRequest
with pushed_by as (
    select
        clients.tenant_id,
        clients.id
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.client_id = :client_id
        and clients.enabled
    for key share
)

insert into authority.pushed_requests (
    tenant_id,
    request_uri_hash,
    client_uuid,
    parameters,
    expires_at
)
select
    pushed_by.tenant_id,
    :request_uri_hash,
    pushed_by.id,
    :parameters,
    authority.clock() + :lifetime as expires_at
from pushed_by
inner join authority.active_tenants on pushed_by.tenant_id = active_tenants.id
returning
    pushed_requests.tenant_id,
    pushed_requests.id,
    pushed_requests.request_uri_hash,
    pushed_requests.client_uuid,
    pushed_requests.parameters,
    pushed_requests.expires_at,
    pushed_requests.redeemed_at,
    pushed_requests.created_at;

-- name: redeem(tenant_id, request_uri_hash, client_id, redemption_id)^
-- The pushed request, now redeemed, or no row when it is unknown or expired, was
-- pushed by another client than this client_id, or was redeemed under another
-- redemption_id (RFC 9126 section 4). The same redemption_id returns the row
-- again: pass the id of the browser's session, or of the request itself. Of
-- several concurrent ids one gets the row, because PostgreSQL evaluates the
-- conditions on pushed_requests again after a wait.
-- @row PushedRequest
-- @nullable redeemed_at
with given as (
    select authority.clock() as moment
)

update authority.pushed_requests
set
    redeemed_at = coalesce(pushed_requests.redeemed_at, given.moment),
    redemption_hash = sha256(uuid_send(:redemption_id))
from authority.clients
inner join authority.active_tenants on clients.tenant_id = active_tenants.id
cross join given
where
    pushed_requests.tenant_id = :tenant_id
    and pushed_requests.request_uri_hash = :request_uri_hash
    and pushed_requests.expires_at > authority.clock()
    and (
        pushed_requests.redemption_hash is null
        or pushed_requests.redemption_hash = sha256(uuid_send(:redemption_id))
    )
    and clients.tenant_id = pushed_requests.tenant_id
    and clients.id = pushed_requests.client_uuid
    and clients.client_id = :client_id
    and clients.enabled
returning
    pushed_requests.tenant_id, pushed_requests.id, pushed_requests.request_uri_hash,
    pushed_requests.client_uuid, pushed_requests.parameters, pushed_requests.expires_at,
    pushed_requests.redeemed_at, pushed_requests.created_at;

-- name: prune_expired(older_than, batch_size)!
-- Deletes pushed requests of all tenants that expired longer ago than older_than,
-- redeemed or not.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.pushed_requests -- The generic plan assumes that batch_size
--   is a tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.pushed_requests as candidates
    where candidates.expires_at < authority.clock() - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.pushed_requests
using doomed
where
    pushed_requests.tenant_id = doomed.tenant_id
    and pushed_requests.id = doomed.id;
