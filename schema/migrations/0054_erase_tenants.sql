-- Creates the functions that erase a tenant.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0054_erase_tenants');

create or replace function authority.tables_of_tenants()
returns table (name text, target regclass)
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
with recursive tables as (
    select
        pg_class.oid,
        pg_class.relname::text as name
    from pg_class
    inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
    where
        pg_class.relnamespace = 'authority'::regnamespace
        and pg_class.relkind in ('r', 'p')
        and not pg_class.relispartition
        and pg_attribute.attname = 'tenant_id'
),

levels as (
    select
        tables.oid,
        1 as level
    from tables
    union
    select
        pg_constraint.confrelid,
        levels.level + 1
    from levels
    inner join pg_constraint on levels.oid = pg_constraint.conrelid
    where
        pg_constraint.contype = 'f'
        and pg_constraint.confrelid <> pg_constraint.conrelid
)

select
    tables.name,
    tables.oid::regclass
from tables
inner join levels on tables.oid = levels.oid
group by tables.oid, tables.name
order by max(levels.level), tables.name
$$;

comment on function authority.tables_of_tenants is
'Returns every table with a tenant_id, except partitions. A table precedes all tables
that it references, so that rows deleted in this order leave nothing to a cascade.';

create or replace function authority.erase_batch(
    target regclass,
    condition text,
    clears text,
    tenant_id uuid,
    user_id uuid,
    names text[],
    batch_size bigint,
    waits boolean
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    keys text;
    joins text;
    erased bigint;
begin
    select
        string_agg(format('held.%I', pg_attribute.attname), ', '),
        string_agg(format('erased.%1$I = doomed.%1$I', pg_attribute.attname), ' and ')
    into keys, joins
    from pg_index
    inner join pg_attribute
        on
            pg_index.indrelid = pg_attribute.attrelid
            and pg_attribute.attnum = any(pg_index.indkey)
    where pg_index.indrelid = target and pg_index.indisprimary;
    -- A CTE that locks rows is executed once. A subquery may be executed for each row.
    execute format(
        'with doomed as ('
        'select %2$s from %1$s as held where held.tenant_id = $1 and (%3$s) '
        'limit $4 for update %4$s) ' || case
            when clears is null then 'delete from %1$s as erased using doomed '
            else 'update %1$s as erased set %5$s from doomed '
        end || 'where erased.tenant_id = $1 and %6$s',
        target,
        keys,
        condition,
        case when not waits then 'skip locked' end,
        clears,
        joins
    ) using tenant_id, user_id, names, batch_size;
    get diagnostics erased = row_count;
    return erased;
end
$$;

comment on function authority.erase_batch is
'Deletes up to batch_size rows of the tenant that meet the condition, or clears columns
of theirs, and returns how many. The condition and clears are SQL about the row held;
$1 is the tenant, $2 the user, $3 the names. Skips locked rows unless it waits.';

create or replace function authority.erase_tenant(
    tenant_id uuid,
    batch_size bigint,
    out table_name text,
    out erased bigint
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    feed_before constant text := current_setting('authority.feed', true);
    is_locked boolean;
    erasable record;
begin
    if batch_size is null or batch_size < 1 then
        raise invalid_parameter_value using message = 'batch_size must be 1 or more';
    end if;
    perform set_config('authority.tenant_id', erase_tenant.tenant_id::text, true);
    perform set_config('authority.feed', 'off', true);
    erased := 0;
    <<passes>>
    -- The first pass does not lock the tenant. When it finds no row, the second pass
    -- locks it, so that no row can follow, and waits for rows that others have locked.
    foreach is_locked in array array[false, true]
    loop
        if is_locked then
            perform from authority.tenants
            where tenants.id = erase_tenant.tenant_id
            for update;
        end if;
        if exists (
            select from authority.tenants
            where
                tenants.id = erase_tenant.tenant_id
                and tenants.status <> 'terminated'
        ) then
            raise exception 'the tenant is not terminated' using errcode = 'TN004';
        end if;
        for erasable in
            select
                tables_of_tenants.name,
                tables_of_tenants.target
            from authority.tables_of_tenants()
        loop
            erased := authority.erase_batch(
                erasable.target,
                'true',
                null,
                erase_tenant.tenant_id,
                null,
                null,
                batch_size,
                is_locked
            );
            table_name := erasable.name;
            exit passes when erased > 0;
        end loop;
    end loop passes;
    if erased = 0 then
        delete from authority.tenants where tenants.id = erase_tenant.tenant_id;
        get diagnostics erased = row_count;
        table_name := case when erased > 0 then 'tenants' end;
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
    perform set_config('authority.feed', feed_before, true);
end
$$;

comment on function authority.erase_tenant is
'Deletes up to batch_size rows of a terminated tenant from one table, and returns its
name and how many. Deletes the tenant itself when nothing else is left. Returns a null
name when the tenant has no row in any table. Raises SQLSTATE TN004 unless the tenant is
terminated. Runs as its owner, because operators may read and delete almost none of
these rows.';

revoke execute on function
authority.tables_of_tenants(),
authority.erase_batch(
    regclass, text, text, uuid, uuid, text[], bigint, boolean
),
authority.erase_tenant(uuid, bigint)
from public;
grant execute on function authority.erase_tenant(uuid, bigint)
to authority_maintenance;
grant execute on function authority.tables_of_tenants() to authority_reader;
