-- Creates the functions that export the rows of a tenant and of a user.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0058_export_rows');

create or replace function authority.list_exported_tables(is_of_user boolean)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
select listed.name
from (
    select
        'tenants' as name,
        0 as position
    where not is_of_user
    union all
    select
        tables.name,
        row_number() over (order by tables.ordinality desc) as position
    from authority.tables_of_tenants() with ordinality as tables
    -- A table whose key is a hash is not exported.
    where not exists (
        select from pg_index
        inner join pg_attribute
            on
                pg_index.indrelid = pg_attribute.attrelid
                and pg_attribute.attnum = any(pg_index.indkey)
        where
            pg_index.indrelid = tables.target
            and pg_index.indisprimary
            and not has_column_privilege(
                pg_attribute.attrelid, pg_attribute.attnum, 'select'
            )
    )
) as listed
where
    not is_of_user
    or listed.name in (
        select rows_of_users.name from authority.rows_of_users()
        where rows_of_users.is_exported
    )
order by listed.position
$$;

comment on function authority.list_exported_tables is
'Returns the tables that an export reads, of a user or of a tenant. A table follows all
tables that it references.';

create or replace function authority.export_rows(
    tenant_id uuid,
    user_id uuid,
    other_names text[],
    table_name text,
    after jsonb,
    page_size bigint
)
returns table (key jsonb, exported jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'postgres'
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    target constant regclass := format('authority.%I', table_name)::regclass;
    columns text;
    held_keys text;
    past_keys text;
    names text[];
    condition text := 'true';
begin
    perform set_config('authority.tenant_id', export_rows.tenant_id::text, true);
    select string_agg(format('held.%I', pg_attribute.attname), ', ')
    into columns
    from pg_attribute
    where
        pg_attribute.attrelid = target
        and pg_attribute.attnum > 0
        and not pg_attribute.attisdropped
        and has_column_privilege(target, pg_attribute.attnum, 'select');
    select
        string_agg(format('held.%I', pg_attribute.attname), ', ' order by keys.number),
        string_agg(
            format(
                '(select past.%I from jsonb_populate_record(null::%s, $4) as past)',
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
    if user_id is not null then
        names := authority.names_of_user(
            export_rows.tenant_id, export_rows.user_id, other_names
        );
        select string_agg(format('(%s)', rows_of_users.condition), ' or ')
        into condition
        from authority.rows_of_users()
        where rows_of_users.name = table_name and rows_of_users.is_exported;
    end if;
    -- In subqueries the key becomes a condition of the index; in a join it would not.
    return query execute format(
        'select '
        '(select to_jsonb(keys) from (select %2$s) as keys), '
        '(select to_jsonb(picked) from (select %3$s) as picked) '
        'from %1$s as held where held.%4$I = $1 and (%5$s) ' || case
            when after is not null then 'and (%2$s) > (%6$s) '
            else ''
        end || 'order by %2$s limit $5',
        target,
        held_keys,
        columns,
        case when table_name = 'tenants' then 'id' else 'tenant_id' end,
        condition,
        past_keys
    ) using tenant_id, user_id, names, after, page_size;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.export_rows is
'Returns rows of one table in the order of its primary key, after this key: all rows of
the tenant, or with a user_id those that concern the user. A row has the columns that
the caller may read, so that a reader exports no hash.';

revoke execute on function
authority.list_exported_tables(boolean),
authority.export_rows(uuid, uuid, text[], text, jsonb, bigint)
from public;
grant execute on function
authority.list_exported_tables(boolean),
authority.export_rows(uuid, uuid, text[], text, jsonb, bigint)
to authority_reader;
