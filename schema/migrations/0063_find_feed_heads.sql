-- Creates the function with which a verifier with a cache reads where the feeds of many
-- tenants end, in one trip.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0063_find_feed_heads');

create or replace function authority.find_feed_heads(tenant_ids uuid[])
returns table (tenant_id uuid, last_sequence bigint, published_at timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now text;
    tenant_after text;
    followed uuid;
begin
    foreach followed in array tenant_ids loop
        tenant_now := set_config('authority.tenant_id', followed::text, true);
        return query
        select
            active_tenants.id,
            coalesce(revocation_sequences.last_sequence, 0),
            revocation_sequences.updated_at
        from authority.active_tenants
        left join authority.revocation_sequences
            on active_tenants.id = revocation_sequences.tenant_id
        where active_tenants.id = followed;
    end loop;
    tenant_after := set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_feed_heads(uuid[]) is
'Returns the newest number of each of these tenants'' feeds, and when it was published.
A tenant that is unknown, suspended or terminated has no row. Sets each tenant in turn,
then restores the previous one, so that row-level security applies to each read.';

revoke execute on function authority.find_feed_heads(uuid[]) from public;
grant execute on function authority.find_feed_heads(uuid[]) to authority_app;
