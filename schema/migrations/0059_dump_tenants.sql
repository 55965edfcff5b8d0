-- Creates the functions that hold a tenant, and dump all its rows. Only the owner of
-- the database, who may read all rows anyway, can execute them.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0059_dump_tenants');

create or replace function authority.hold_tenant(tenant_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    feed_before constant text := current_setting('authority.feed', true);
    is_held boolean;
begin
    perform set_config('authority.tenant_id', hold_tenant.tenant_id::text, true);
    perform set_config('authority.feed', 'off', true);
    update authority.tenants
    set
        status = 'suspended',
        updated_at = authority.clock(),
        row_version = tenants.row_version + 1
    where
        tenants.id = hold_tenant.tenant_id
        and tenants.status not in ('suspended', 'terminated');
    is_held := found;
    -- The triggers of the feed read the setting when the row changes.
    perform set_config('authority.tenant_id', tenant_before, true);
    perform set_config('authority.feed', feed_before, true);
    return is_held;
end
$$;

comment on function authority.hold_tenant(uuid) is
'Suspends an active tenant for a move, and returns whether it was active. Unlike another
suspension it publishes nothing in the feed, because the tenant''s tokens live on in
the other database.';

create or replace function authority.list_open_units(tenant_id uuid)
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
begin
    if exists (
        select from authority.active_tenants
        where active_tenants.id = list_open_units.tenant_id
    ) then
        raise exception 'the tenant is active' using errcode = 'TN005';
    end if;
    -- A later statement, so that every unit that began before the suspension has its
    -- lock by now: authority.enter_tenant reads the tenants.
    return query
    select distinct
        coalesce('process ' || pg_locks.pid, 'a prepared transaction')
        || ', transaction ' || pg_locks.virtualtransaction
    from pg_locks
    where
        pg_locks.locktype = 'relation'
        and pg_locks.database = (
            select pg_database.oid from pg_database
            where pg_database.datname = current_database()
        )
        and pg_locks.relation = 'authority.tenants'::regclass
        and pg_locks.granted
        and pg_locks.mode in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
        and pg_locks.pid is distinct from pg_backend_pid();
end
$$;

comment on function authority.list_open_units(uuid) is
'Returns the transactions of all sessions that have read or changed the tenants and go
on. One that began before the suspension of the tenant can still write; none that
begins later can. Raises SQLSTATE TN005 if the tenant is active.';

create or replace function authority.list_moved_tables()
returns table (name text, columns text[])
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
select
    tables.name,
    array_agg(pg_attribute.attname::text order by pg_attribute.attname)
from (
    select
        'tenants' as name,
        'authority.tenants'::regclass as target,
        0 as position
    union all
    select
        referencing.name,
        referencing.target,
        row_number() over (order by referencing.ordinality desc) as position
    from authority.tables_of_tenants() with ordinality as referencing
) as tables
inner join pg_attribute on tables.target = pg_attribute.attrelid
where
    pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
    and pg_attribute.attgenerated = ''
group by tables.name, tables.position
order by tables.position
$$;

comment on function authority.list_moved_tables is
'Returns every table with rows of tenants, and the columns that are stored and not
computed. A table follows all tables that it references.';

create or replace function authority.dump_rows(
    tenant_id uuid, table_name text, after jsonb, page_size bigint
)
returns table (lines text, dumped bigint, last_key jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    target constant regclass := format('authority.%I', table_name)::regclass;
    cells text;
    held_keys text;
    past_keys text;
begin
    perform set_config('authority.tenant_id', dump_rows.tenant_id::text, true);
    select string_agg(format('held.%I::text', moved.name), ', ' order by moved.position)
    into cells
    from authority.list_moved_tables() as tables
    cross join unnest(tables.columns) with ordinality as moved (name, position)
    where tables.name = table_name;
    select
        string_agg(format('held.%I', pg_attribute.attname), ', ' order by keys.number),
        string_agg(
            format(
                '(select past.%I from jsonb_populate_record(null::%s, $2) as past)',
                pg_attribute.attname,
                target
            ),
            ', ' order by keys.number
        )
    into held_keys, past_keys
    from pg_index
    cross join unnest(pg_index.indkey) with ordinality as keys (attnum, number)
    inner join pg_attribute
        on
            pg_index.indrelid = pg_attribute.attrelid
            and keys.attnum = pg_attribute.attnum
    where pg_index.indrelid = target and pg_index.indisprimary;
    -- In subqueries the key becomes a condition of the index; in a join it would not.
    return query execute format(
        'with picked as ('
        'select json_build_array(%3$s)::text as line, '
        'row_number() over (order by %2$s) as position, '
        '(select to_jsonb(keys) from (select %2$s) as keys) as key '
        'from %1$s as held where held.%4$I = $1 ' || case
            when after is not null then 'and (%2$s) > (%5$s) '
            else ''
        end || 'order by %2$s limit $3) '
        'select string_agg(picked.line || chr(10), '''' order by picked.position), '
        'count(*), (array_agg(picked.key order by picked.position desc))[1] '
        'from picked',
        target,
        held_keys,
        cells,
        case when table_name = 'tenants' then 'id' else 'tenant_id' end,
        past_keys
    ) using tenant_id, after, page_size;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.dump_rows is
'Returns the next rows of the tenant in one table, in the order of its primary key,
after this key: a line for each, which is a JSON array of the columns of
list_moved_tables as PostgreSQL writes them, how many, and the key of the last one. The
same rows have the same lines in every database.';

revoke execute on function
authority.hold_tenant(uuid),
authority.list_open_units(uuid),
authority.list_moved_tables(),
authority.dump_rows(uuid, text, jsonb, bigint)
from public;
