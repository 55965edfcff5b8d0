-- Grants access to the audit events, and creates the functions that create, drop and
-- prune their partitions.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0047_isolate_audit_events');

-- The owner's functions look for unsealed events, and for chains, of all tenants. They
-- read and write other events of one tenant after the other.
drop policy if exists audit_events_owner_policy on authority.audit_events;
create policy audit_events_owner_policy on authority.audit_events
for select to pg_database_owner using (number is null);
drop policy if exists audit_chains_owner_policy on authority.audit_chains;
create policy audit_chains_owner_policy on authority.audit_chains
to pg_database_owner using (true);
-- Operators keep the heads of all chains.
drop policy if exists audit_chains_maintenance_policy on authority.audit_chains;
create policy audit_chains_maintenance_policy on authority.audit_chains
to authority_maintenance using (true);

-- A service chooses neither the time nor the login, and can write no change of a table.
grant select on authority.audit_events to authority_app, authority_reader;
grant insert (
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
) on authority.audit_events to authority_app;
grant select on authority.audit_chains
to authority_app, authority_maintenance, authority_reader;

create or replace function authority.create_audit_event_partitions(months_ahead bigint)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as 'select authority.create_partitions(''authority.audit_events'', months_ahead)';

comment on function authority.create_audit_event_partitions(bigint) is
'Creates the missing partitions of the audit events: create_partitions. Runs as its
owner, because only the owner of a table can attach a partition.';

create or replace function authority.drop_audit_event_partitions(retention interval)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    dropped constant bigint
        := authority.drop_partitions('authority.audit_events', retention);
    ended record;
begin
    for ended in
        select audit_chains.tenant_id, audit_chains.month
        from authority.audit_chains
        where
            audit_chains.month + interval '1 month' <= authority.clock() - retention
        limit 10000
    loop
        perform set_config('authority.tenant_id', ended.tenant_id::text, true);
        delete from authority.audit_chains
        where
            audit_chains.tenant_id = ended.tenant_id
            and audit_chains.month = ended.month
            and not exists (
                select from authority.audit_events
                where
                    audit_events.tenant_id = ended.tenant_id
                    and audit_events.created_at >= ended.month
                    and audit_events.created_at < ended.month + interval '1 month'
            );
    end loop;
    perform set_config('authority.tenant_id', tenant_before, true);
    return dropped;
end
$$;

comment on function authority.drop_audit_event_partitions(interval) is
'Drops the old partitions of the audit events, and up to 10,000 chains that have no
event left: drop_partitions. Runs as its owner, because only the owner can drop a
table.';

create or replace function authority.prune_default_audit_events(
    retention interval, batch_size bigint
)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as '
select authority.prune_default_partition(
    ''authority.audit_events'', retention, batch_size
)
';

comment on function authority.prune_default_audit_events(interval, bigint) is
'Deletes old events from the default partition: prune_default_partition. Runs as its
owner, because no other role has privileges on a partition.';

revoke execute on function
authority.create_audit_event_partitions(bigint),
authority.drop_audit_event_partitions(interval),
authority.prune_default_audit_events(interval, bigint)
from public;
grant execute on function
authority.create_audit_event_partitions(bigint),
authority.drop_audit_event_partitions(interval),
authority.prune_default_audit_events(interval, bigint)
to authority_maintenance;

do $$
begin
    perform authority.create_audit_event_partitions(3);
end
$$;
