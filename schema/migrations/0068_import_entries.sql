-- Creates the functions that import the rows of another store. Only the owner of the
-- database, who may change all rows anyway, can execute them.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0068_import_entries');

create or replace function authority.import_tenant(
    tenant_id uuid,
    code text,
    display_name text,
    status text,
    settings jsonb,
    tokens_valid_after timestamptz,
    created_at timestamptz,
    updated_at timestamptz,
    foreign_tokens_until timestamptz,
    is_complete boolean
)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    loaded_before constant text := current_setting('authority.loaded_tenant', true);
    moment constant timestamptz := authority.clock();
    found_id uuid;
begin
    perform set_config('authority.tenant_id', import_tenant.tenant_id::text, true);
    perform set_config('authority.loaded_tenant', import_tenant.tenant_id::text, true);
    insert into authority.tenants (
        id, code, display_name, status, settings, tokens_valid_after,
        foreign_tokens_until, created_at, updated_at
    )
    values (
        import_tenant.tenant_id,
        import_tenant.code,
        import_tenant.display_name,
        import_tenant.status,
        import_tenant.settings,
        import_tenant.tokens_valid_after,
        import_tenant.foreign_tokens_until,
        least(coalesce(import_tenant.created_at, moment), moment),
        least(
            coalesce(import_tenant.updated_at, import_tenant.created_at, moment), moment
        )
    )
    on conflict on constraint tenants_code_key do nothing
    returning tenants.id into found_id;
    if found_id is null then
        select tenants.id into found_id
        from authority.tenants
        where tenants.code = import_tenant.code;
    elsif not is_complete then
        insert into authority.roles (tenant_id, name, description, is_system)
        select found_id, system_roles.name, system_roles.description, true
        from authority.system_roles;
        insert into authority.role_permissions (tenant_id, role_id, permission)
        select roles.tenant_id, roles.id, granted.permission
        from authority.roles
        inner join authority.system_roles on roles.name = system_roles.name
        cross join lateral unnest(system_roles.permissions) as granted (permission)
        where roles.tenant_id = found_id;
        insert into authority.scopes
        (tenant_id, name, display_name, description, is_system)
        select
            found_id,
            system_scopes.name,
            system_scopes.display_name,
            system_scopes.description,
            true
        from authority.system_scopes;
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
    perform set_config('authority.loaded_tenant', loaded_before, true);
    return found_id;
end
$$;

comment on function authority.import_tenant is
'Returns the id of the tenant with this code. Creates the tenant if there is none, with
the system roles and the standard scopes unless it is complete: its own follow. Its
insertion is no event of the audit.';

create or replace function authority.import_rows(
    tenant_id uuid, table_name text, columns text[], key text[], rows_json text
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'postgres'
set standard_conforming_strings = on
set enable_seqscan = off
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    loaded_before constant text := current_setting('authority.loaded_tenant', true);
    names text;
    types text;
    cells text;
    keys text;
    imported bigint;
begin
    -- A null in a column that has a default and cannot be null means the default.
    select
        string_agg(format('%I', given.name), ', ' order by given.position),
        string_agg(
            format(
                '%I %s',
                given.name,
                format_type(pg_attribute.atttypid, pg_attribute.atttypmod)
            ),
            ', ' order by given.position
        ),
        string_agg(
            case
                when given.name in ('created_at', 'authenticated_at')
                    and given.name <> all(key)
                    then format(
                        'least(coalesce(given.%I, now.moment), now.moment)', given.name
                    )
                when pg_attribute.attnotnull and pg_attribute.atthasdef
                    then format(
                        'coalesce(given.%I, %s)',
                        given.name,
                        pg_get_expr(pg_attrdef.adbin, pg_attrdef.adrelid)
                    )
                else format('given.%I', given.name)
            end,
            ', ' order by given.position
        )
    into names, types, cells
    from unnest(columns) with ordinality as given (name, position)
    inner join pg_attribute on given.name = pg_attribute.attname
    left join pg_attrdef
        on
            pg_attribute.attrelid = pg_attrdef.adrelid
            and pg_attribute.attnum = pg_attrdef.adnum
    where
        pg_attribute.attrelid = format('authority.%I', table_name)::regclass
        and pg_attribute.attnum > 0
        and pg_attribute.attgenerated = ''
    having count(*) = cardinality(columns);
    if names is null then
        raise invalid_parameter_value using message = 'a column is unknown';
    end if;
    select string_agg(format(', %I', parts.name), '') into keys
    from unnest(key) as parts (name);
    -- Checks of foreign keys are planned once in a session. A plan that was made while
    -- the table was small may use any index that begins with the tenant.
    discard plans;
    perform set_config('authority.tenant_id', import_rows.tenant_id::text, true);
    perform set_config('authority.loaded_tenant', import_rows.tenant_id::text, true);
    execute format(
        'insert into authority.%1$I (tenant_id, %2$s) select $1, %3$s '
        'from (select authority.clock() as moment) as now, '
        'json_to_recordset($2::json) as given (%4$s) '
        'on conflict (tenant_id%5$s) do nothing',
        table_name,
        names,
        cells,
        types,
        keys
    ) using tenant_id, rows_json;
    get diagnostics imported = row_count;
    perform set_config('authority.tenant_id', tenant_before, true);
    perform set_config('authority.loaded_tenant', loaded_before, true);
    return imported;
end
$$;

comment on function authority.import_rows is
'Inserts rows of the tenant and returns how many. A row whose key is stored already is
skipped. rows_json is an array of objects of these columns. Every other constraint and
every policy applies. The insertions are no events of the audit.';

revoke execute on function
authority.import_tenant(
    uuid,
    text,
    text,
    text,
    jsonb,
    timestamptz,
    timestamptz,
    timestamptz,
    timestamptz,
    boolean
),
authority.import_rows(uuid, text, text[], text[], text)
from public;
