-- Creates the trigger that records the changes of a table as audit events.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0048_record_changes');

create or replace function authority.current_actor(
    out actor_kind text,
    out actor_id text,
    out client_id text,
    out address inet,
    out user_agent text,
    out correlation_id text
)
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
select
    case
        when given.actor ->> 'user_id' is not null then 'user'
        when given.actor ->> 'service_account_id' is not null then 'service_account'
        when given.actor ->> 'client_id' is not null then 'client'
        else 'login'
    end,
    coalesce(
        given.actor ->> 'user_id',
        given.actor ->> 'service_account_id',
        given.actor ->> 'client_id',
        session_user
    ),
    given.actor ->> 'client_id',
    authority.canonical_address((given.actor ->> 'address')::inet),
    given.actor ->> 'user_agent',
    given.actor ->> 'correlation_id'
from (
    select nullif(current_setting('authority.actor', true), '')::jsonb as actor
) as given
$$;

comment on function authority.current_actor is
'Returns who acts in this transaction, from the setting authority.actor: an object of
user_id, service_account_id, client_id, address, user_agent and correlation_id, all
optional. Without it, the database login acts.';

-- Stable, because jsonb_build_object is: PostgreSQL would not inline it otherwise.
create or replace function authority.audited_value(name text, value jsonb)
returns jsonb
language sql
stable parallel safe
return case
    when value is null then '{}'
    when
        octet_length(value::text collate "C") <= 1024
        and not jsonb_path_exists(value, 'strict $.**{16}')
        then jsonb_build_object(name collate "C", value)
    else jsonb_build_object(
        (name collate "C") || '_octets', octet_length(value::text collate "C")
    )
end;

comment on function authority.audited_value(text, jsonb) is
'Returns an object with the value under this name. Of a value with more than 1,024
octets, or with 16 levels or more, only the number of octets.';

create or replace function authority.record_change()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'postgres'
set row_security = on
as $$
declare
    keys constant text[] := tg_argv[0];
    hidden constant text[] := tg_argv[1];
    ignored constant text[] := tg_argv[2];
    old_row constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    changed constant jsonb := coalesce(new_row, old_row);
    is_tenant constant boolean := tg_table_name = 'tenants';
    tenant constant uuid
        := changed ->> case when is_tenant then 'id' else 'tenant_id' end;
    tenant_before constant text := current_setting('authority.tenant_id', true);
    differences jsonb;
begin
    -- A loaded tenant brings its events along: authority.load_rows. Nobody can choose
    -- session_user, so that the setting has no effect in other sessions.
    if tg_op = 'INSERT'
        and current_setting('authority.loaded_tenant', true) = tenant::text
        and pg_has_role(session_user, 'pg_database_owner', 'member')
    then
        return null;
    end if;
    -- The erasure of a tenant deletes its events, too.
    if tg_op = 'DELETE' and exists (
        select from authority.tenants
        where tenants.id = tenant and tenants.status = 'terminated'
    ) then
        return null;
    end if;
    select jsonb_object_agg(
        compared.name,
        case
            when compared.name = any(hidden) then '{"is_hidden": true}'
            else authority.audited_value('old', compared.old_value)
                || authority.audited_value('new', compared.new_value)
        end
    )
    into differences
    from (
        select
            columns.name,
            nullif(old_row -> columns.name, 'null') as old_value,
            nullif(new_row -> columns.name, 'null') as new_value
        from jsonb_object_keys(changed) as columns (name)
        where columns.name <> all(keys || ignored)
    ) as compared
    where compared.old_value is distinct from compared.new_value;
    if tg_op = 'UPDATE' and differences is null then
        return null;
    end if;
    if octet_length(differences::text) > 60000 then
        select jsonb_object_agg(columns.name, '{"is_too_long": true}'::jsonb)
        into differences
        from jsonb_object_keys(differences) as columns (name);
    end if;
    -- An operator's session may have the tenant of another row, or none.
    if tenant_before is distinct from tenant::text then
        perform set_config('authority.tenant_id', tenant::text, true);
    end if;
    insert into authority.audit_events (
        tenant_id, action, is_change, target_kind, target_id, user_id, changes,
        actor_kind, actor_id, client_id, address, user_agent, correlation_id
    )
    select
        tenant,
        tg_table_name || '.' || lower(tg_op collate "C"),
        true,
        tg_table_name,
        (
            select string_agg(changed ->> parts.name, '/' order by parts.position)
            from unnest(keys) with ordinality as parts (name, position)
        ),
        (
            changed ->> case
                when tg_table_name = 'users' then 'id'
                else 'user_id'
            end
        )::uuid,
        coalesce(differences, '{}'),
        actors.actor_kind,
        actors.actor_id,
        actors.client_id,
        actors.address,
        actors.user_agent,
        actors.correlation_id
    from authority.current_actor() as actors;
    if tenant_before is distinct from tenant::text then
        perform set_config('authority.tenant_id', tenant_before, true);
    end if;
    return null;
end
$$;

comment on function authority.record_change is
'Records the insertion, update or deletion of a row as an audit event. Its arguments are
lists of columns: the key, columns whose values it hides, and columns that it ignores.
Runs as its owner, so that no other role can write such an event.';

create or replace procedure authority.audit(
    target regclass, hidden name[] default '{}', ignored name[] default '{}'
)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    subject constant name := (select relname from pg_class where oid = target);
    skipped constant name[] := array[
        'tenant_id', 'created_at', 'updated_at', 'row_version'
    ]::name[] || ignored;
    keys name[];
    watched text;
begin
    select array_agg(pg_attribute.attname order by parts.position)
    into keys
    from pg_index
    cross join unnest(pg_index.indkey) with ordinality as parts (attnum, position)
    inner join pg_attribute
        on
            pg_index.indrelid = pg_attribute.attrelid
            and parts.attnum = pg_attribute.attnum
    where
        pg_index.indrelid = target
        and pg_index.indisprimary
        and pg_attribute.attname <> 'tenant_id';
    -- A list of columns spares the trigger, but no column in it can change its type.
    select ' of ' || string_agg(format('%I', attname), ', ' order by attnum)
    into watched
    from pg_attribute
    where
        ignored <> '{}'
        and attrelid = target
        and attnum > 0
        and not attisdropped
        and attname <> all(skipped);
    execute format(
        'create or replace trigger %I after insert%s or update%s on %s '
        'for each row execute function authority.record_change(%L, %L, %L)',
        subject || '_audit_trigger',
        case when subject <> 'tenants' then ' or delete' end,
        watched,
        target,
        keys,
        hidden,
        skipped
    );
end
$$;

comment on procedure authority.audit is
'Records the changes of a table as audit events. Of the columns in hidden an event says
only that they changed. A change of columns in ignored alone is no event; nor is the
deletion of a tenant. Call it again when a table with ignored columns gets another
column.';

revoke execute on function
authority.current_actor(),
authority.audited_value(text, jsonb),
authority.record_change()
from public;
revoke execute on procedure authority.audit(regclass, name[], name[]) from public;
grant execute on function authority.current_actor() to authority_app;
