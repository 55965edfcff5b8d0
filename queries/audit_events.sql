-- name: record(tenant_id, action, target_kind, target_id, user_id, details)^
-- The recorded event of the embedding service. The actor is that of the unit of work.
-- @row AuditEvent
insert into authority.audit_events (
    tenant_id,
    action,
    target_kind,
    target_id,
    user_id,
    changes,
    actor_kind,
    actor_id,
    client_id,
    address,
    user_agent,
    correlation_id
)
select
    :tenant_id,
    :action,
    :target_kind,
    :target_id,
    :user_id,
    :details,
    actors.actor_kind,
    actors.actor_id,
    actors.client_id,
    actors.address,
    actors.user_agent,
    actors.correlation_id
from (values (true)) as calls (is_made) -- there is always one row
left join authority.current_actor() as actors on calls.is_made
returning
    audit_events.tenant_id,
    audit_events.id,
    audit_events.action,
    audit_events.is_change,
    audit_events.target_kind,
    audit_events.target_id,
    audit_events.user_id,
    audit_events.changes,
    audit_events.actor_kind,
    audit_events.actor_id,
    audit_events.client_id,
    audit_events.address,
    audit_events.user_agent,
    audit_events.correlation_id,
    audit_events.login,
    audit_events.number,
    audit_events.created_at;

-- name: list_after(tenant_id, after_created_at, after_id, page_size)
-- One event, newest first, beyond this time and id.
-- @row AuditEvent
select
    audit_events.tenant_id, audit_events.id, audit_events.action,
    audit_events.is_change, audit_events.target_kind, audit_events.target_id,
    audit_events.user_id, audit_events.changes, audit_events.actor_kind,
    audit_events.actor_id, audit_events.client_id, audit_events.address,
    audit_events.user_agent, audit_events.correlation_id, audit_events.login,
    audit_events.number, audit_events.created_at
from authority.audit_events
where
    audit_events.tenant_id = :tenant_id
    and audit_events.created_at <= :after_created_at
    and (audit_events.created_at, audit_events.id)
    < (:after_created_at, :after_id)
order by audit_events.created_at desc, audit_events.id desc
limit :page_size;

-- name: list_before(tenant_id, before_created_at, before_id, page_size)
-- One event, oldest first, beyond this time and id.
-- @row AuditEvent
select
    audit_events.tenant_id, audit_events.id, audit_events.action,
    audit_events.is_change, audit_events.target_kind, audit_events.target_id,
    audit_events.user_id, audit_events.changes, audit_events.actor_kind,
    audit_events.actor_id, audit_events.client_id, audit_events.address,
    audit_events.user_agent, audit_events.correlation_id, audit_events.login,
    audit_events.number, audit_events.created_at
from authority.audit_events
where
    audit_events.tenant_id = :tenant_id
    and audit_events.created_at >= :before_created_at
    and (audit_events.created_at, audit_events.id) > (:before_created_at, :before_id)
order by audit_events.created_at, audit_events.id
limit :page_size;

-- name: list_by_target_after(tenant_id, target_kind, target_id, after_created_at, after_id, page_size)
-- One event about this target, newest first, beyond this time and id.
-- @row AuditEvent
-- @nullable target_kind
-- @nullable target_id
select
    audit_events.tenant_id, audit_events.id, audit_events.action,
    audit_events.is_change, audit_events.target_kind, audit_events.target_id,
    audit_events.user_id, audit_events.changes, audit_events.actor_kind,
    audit_events.actor_id, audit_events.client_id, audit_events.address,
    audit_events.user_agent, audit_events.correlation_id, audit_events.login,
    audit_events.number, audit_events.created_at
from authority.audit_events
where
    audit_events.tenant_id = :tenant_id
    and audit_events.target_kind = :target_kind
    and audit_events.target_id = :target_id
    and audit_events.created_at <= :after_created_at
    and (audit_events.created_at, audit_events.id)
    < (:after_created_at, :after_id)
order by audit_events.created_at desc, audit_events.id desc
limit :page_size;

-- name: list_by_target_before(tenant_id, target_kind, target_id, before_created_at, before_id, page_size)
-- One event about this target, oldest first, beyond this time and id.
-- @row AuditEvent
-- @nullable target_kind
-- @nullable target_id
select
    audit_events.tenant_id, audit_events.id, audit_events.action,
    audit_events.is_change, audit_events.target_kind, audit_events.target_id,
    audit_events.user_id, audit_events.changes, audit_events.actor_kind,
    audit_events.actor_id, audit_events.client_id, audit_events.address,
    audit_events.user_agent, audit_events.correlation_id, audit_events.login,
    audit_events.number, audit_events.created_at
from authority.audit_events
where
    audit_events.tenant_id = :tenant_id
    and audit_events.target_kind = :target_kind
    and audit_events.target_id = :target_id
    and audit_events.created_at >= :before_created_at
    and (audit_events.created_at, audit_events.id) > (:before_created_at, :before_id)
order by audit_events.created_at, audit_events.id
limit :page_size;

-- name: list_by_actor_after(tenant_id, actor_kind, actor_id, after_created_at, after_id, page_size)
-- One event that this actor caused, newest first, beyond this time and id.
-- @row AuditEvent
-- @nullable actor_id
select
    audit_events.tenant_id, audit_events.id, audit_events.action,
    audit_events.is_change, audit_events.target_kind, audit_events.target_id,
    audit_events.user_id, audit_events.changes, audit_events.actor_kind,
    audit_events.actor_id, audit_events.client_id, audit_events.address,
    audit_events.user_agent, audit_events.correlation_id, audit_events.login,
    audit_events.number, audit_events.created_at
from authority.audit_events
where
    audit_events.tenant_id = :tenant_id
    and audit_events.actor_kind = :actor_kind
    and audit_events.actor_id = :actor_id
    and audit_events.created_at <= :after_created_at
    and (audit_events.created_at, audit_events.id)
    < (:after_created_at, :after_id)
order by audit_events.created_at desc, audit_events.id desc
limit :page_size;

-- name: list_by_actor_before(tenant_id, actor_kind, actor_id, before_created_at, before_id, page_size)
-- One event that this actor caused, oldest first, beyond this time and id.
-- @row AuditEvent
-- @nullable actor_id
select
    audit_events.tenant_id, audit_events.id, audit_events.action,
    audit_events.is_change, audit_events.target_kind, audit_events.target_id,
    audit_events.user_id, audit_events.changes, audit_events.actor_kind,
    audit_events.actor_id, audit_events.client_id, audit_events.address,
    audit_events.user_agent, audit_events.correlation_id, audit_events.login,
    audit_events.number, audit_events.created_at
from authority.audit_events
where
    audit_events.tenant_id = :tenant_id
    and audit_events.actor_kind = :actor_kind
    and audit_events.actor_id = :actor_id
    and audit_events.created_at >= :before_created_at
    and (audit_events.created_at, audit_events.id) > (:before_created_at, :before_id)
order by audit_events.created_at, audit_events.id
limit :page_size;

-- name: seal(batch_size)$
-- The number of events of all tenants that were linked to their chains, at most
-- batch_size. Less than that: no other committed event is left, except locked ones.
-- @param batch_size notnull
-- @notnull sealed -- The function returns a count.
-- @role authority_maintenance
select authority.seal_audit_events(:batch_size) as sealed;

-- name: list_months(tenant_id)
-- A month in which the tenant has a chain or sealed events, oldest first.
-- @row AuditMonth
-- @param tenant_id notnull
-- @notnull month -- The function returns months.
-- @role authority_maintenance
select months.month
from authority.list_audit_months(:tenant_id) as months (month);

-- name: verify(tenant_id, month, after_number, after_seal, batch_size)^
-- How far the chain is intact: the newest verified number and seal after up to
-- batch_size events, and whether the chain ends there; or the number of the first event
-- with a problem.
-- @row AuditVerification
-- @param tenant_id notnull
-- @param month notnull
-- @param after_number notnull
-- @param after_seal notnull
-- @plan cursor after_number -- The function's statement has it as index condition.
-- @plan cursor after_seal -- The function compares it with the first seal.
-- @param batch_size notnull
-- @notnull last_number -- The function returns a number.
-- @notnull is_last -- The function returns a boolean.
-- @role authority_maintenance
select
    verified.last_number,
    verified.last_seal,
    verified.is_last,
    verified.problem
from (values (true)) as calls (is_made) -- there is always one row
left join authority.verify_audit_events(
    :tenant_id, :month, :after_number, :after_seal, :batch_size
) as verified on calls.is_made;

-- name: create_partitions(months_ahead)$
-- The number of missing monthly partitions of the events that were created, from this
-- month to months_ahead months later.
-- @param months_ahead notnull
-- @notnull created -- The function returns a count.
-- @role authority_maintenance
select authority.create_audit_event_partitions(:months_ahead) as created;

-- name: drop_partitions(retention)$
-- The number of monthly partitions of the events that were dropped, with their chains,
-- because they end before the retention begins.
-- @param retention notnull
-- @notnull dropped -- The function returns a count.
-- @role authority_maintenance
select authority.drop_audit_event_partitions(:retention) as dropped;

-- name: prune_default(retention, batch_size)$
-- The number of events older than the retention that were deleted from the default
-- partition, which is never dropped.
-- @param retention notnull
-- @param batch_size notnull
-- @notnull pruned -- The function returns a count.
-- @role authority_maintenance
select authority.prune_default_audit_events(:retention, :batch_size) as pruned;
