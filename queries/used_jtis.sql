-- name: use(tenant_id, kind, issuer, jti_hash, expires_at)$
-- Returns true for the first use of this issuer's jti until expires_at, and no value
-- for any other use and after expires_at (RFC 7523 section 3 item 7, RFC 9449 section
-- 11.1). The statement inserts a row or takes over an expired one, so the result
-- does not depend on pruning. Of several concurrent uses one writes the row; the
-- others wait and then read it.
-- @param expires_at -- when the caller refuses the assertion as expired
insert into authority.used_jtis (tenant_id, kind, issuer, jti_hash, expires_at)
select
    tenants.id,
    :kind,
    :issuer,
    :jti_hash,
    :expires_at
from authority.tenants
where
    tenants.id = :tenant_id
    and :expires_at > authority.clock()
on conflict (tenant_id, kind, issuer, jti_hash) do update
    set
        expires_at = excluded.expires_at,
        created_at = excluded.created_at
    where used_jtis.expires_at <= excluded.created_at
returning true as is_first;

-- name: prune_expired(batch_size)!
-- Deletes jtis of all tenants that expired more than five minutes ago. The delay
-- is for a use that began before the end and has waited since: it must still find
-- the row.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.used_jtis -- The generic plan assumes that batch_size is a
--   tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.kind,
        candidates.issuer,
        candidates.jti_hash
    from authority.used_jtis as candidates
    where candidates.expires_at < authority.clock() - interval '5 minutes'
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.used_jtis
using doomed
where
    used_jtis.tenant_id = doomed.tenant_id
    and used_jtis.kind = doomed.kind
    and used_jtis.issuer = doomed.issuer
    and used_jtis.jti_hash = doomed.jti_hash;
