-- Creates the functions that complete an import: they find rows of other owners, keep
-- what is derived from imported rows, and record the import. Only the owner of the
-- database can execute them.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0071_settle_imports');

create or replace function authority.find_other_rows(
    tenant_id uuid, table_name text, key text[], fixed text[], rows_json text
)
returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    names text;
    types text;
    same text;
    stored text;
    expected text;
begin
    select
        string_agg(format('%I', columns.name), ', ' order by columns.name),
        string_agg(
            format('%I %s', columns.name, columns.type), ', ' order by columns.name
        ),
        string_agg(format('held.%1$I = given.%1$I', columns.name), ' and ')
        filter (where columns.name = any(key)),
        string_agg(format('held.%I', columns.name), ', ' order by columns.name)
        filter (where columns.name = any(fixed)),
        string_agg(format('given.%I', columns.name), ', ' order by columns.name)
        filter (where columns.name = any(fixed))
    into names, types, same, stored, expected
    from (
        select
            pg_attribute.attname as name,
            format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as type
        from pg_attribute
        where
            pg_attribute.attrelid = format('authority.%I', table_name)::regclass
            and pg_attribute.attname = any(key || fixed)
    ) as columns;
    perform set_config('authority.tenant_id', find_other_rows.tenant_id::text, true);
    return query execute format(
        'select given.position from rows from ('
        'json_to_recordset($2::json) as (%2$s)) '
        'with ordinality as given (%1$s, position) '
        'inner join authority.%3$I as held on held.tenant_id = $1 and %4$s '
        'where (%5$s) is distinct from (%6$s)',
        names,
        types,
        table_name,
        same,
        stored,
        expected
    ) using tenant_id, rows_json;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_other_rows is
'Returns the positions, from 1, of the given rows whose key is that of a stored row with
other values in the fixed columns: another user''s identity, for instance.';

create or replace function authority.settle_import(
    tenant_id uuid, table_name text, rows_json text
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
begin
    perform set_config('authority.tenant_id', settle_import.tenant_id::text, true);
    if table_name = 'tokens' then
        update authority.authorizations
        set tokens_expire_at = least(latest.expires_at, authorizations.expires_at)
        from (
            select
                given.authorization_id,
                max(given.expires_at) as expires_at
            from json_to_recordset(rows_json::json) as given (
                authorization_id uuid, expires_at timestamptz
            )
            group by given.authorization_id
        ) as latest
        where
            authorizations.tenant_id = settle_import.tenant_id
            and authorizations.id = latest.authorization_id
            and authorizations.tokens_expire_at
            < least(latest.expires_at, authorizations.expires_at);
    elsif table_name = 'revocations' then
        insert into authority.revocation_sequences (tenant_id, last_sequence)
        select
            settle_import.tenant_id,
            max(given.sequence) as last_sequence
        from json_to_recordset(rows_json::json) as given (sequence bigint)
        on conflict on constraint revocation_sequences_tenant_id_pk do update
            set
                last_sequence = excluded.last_sequence,
                updated_at = excluded.updated_at
            where revocation_sequences.last_sequence < excluded.last_sequence;
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
    return found;
end
$$;

comment on function authority.settle_import is
'Keeps what depends on imported rows: families last as long as their tokens, and the
feed goes on after its newest entry.';

create or replace function authority.record_import(tenant_id uuid, details jsonb)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    event_id uuid;
begin
    perform set_config('authority.tenant_id', record_import.tenant_id::text, true);
    insert into authority.audit_events (
        tenant_id, action, is_change, target_kind, target_id, changes, actor_kind,
        actor_id
    )
    select
        record_import.tenant_id,
        'tenants.import',
        true,
        'tenants',
        record_import.tenant_id::text,
        record_import.details,
        'login',
        session_user
    returning audit_events.id into event_id;
    perform set_config('authority.tenant_id', tenant_before, true);
    return event_id;
end
$$;

comment on function authority.record_import is
'Records that the login imports rows into the tenant, and returns the id of the event.';

revoke execute on function
authority.find_other_rows(uuid, text, text[], text[], text),
authority.settle_import(uuid, text, text),
authority.record_import(uuid, jsonb)
from public;
