-- Creates the function that lists rows by the keys of another store. Only the owner of
-- the database, who may read all rows anyway, can execute it.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0069_list_row_keys');

create or replace function authority.list_row_keys(
    tenant_id uuid,
    table_name text,
    key_columns text[],
    after jsonb,
    page_size bigint
)
returns table (keys jsonb, listed bigint, last_key jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'iso_8601'
set bytea_output = 'hex'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    target regclass;
    pieces record;
    held_keys text;
    past_keys text;
    system_flag text;
    expiry text;
begin
    perform set_config('authority.tenant_id', list_row_keys.tenant_id::text, true);
    select described.* into pieces
    from authority.describe_keys(table_name, key_columns) as described;
    target := format('authority.%I', table_name)::regclass;
    select
        string_agg(format('held.%I', pg_attribute.attname), ', ' order by parts.number),
        string_agg(
            format(
                '(select past.%I from jsonb_populate_record(null::%s, $2) as past)',
                pg_attribute.attname,
                target
            ),
            ', ' order by parts.number
        )
    into held_keys, past_keys
    from pg_index
    cross join unnest(pg_index.indkey) with ordinality as parts (attnum, number)
    inner join pg_attribute
        on
            pg_index.indrelid = pg_attribute.attrelid
            and parts.attnum = pg_attribute.attnum
    where pg_index.indrelid = target and pg_index.indisprimary;
    select
        case
            when table_name in ('roles', 'scopes')
                then format(
                    'held.is_system and exists (select from authority.%I as templates '
                    'where templates.name = held.name)',
                    'system_' || table_name
                )
            else 'false'
        end
    into system_flag;
    select
        coalesce(max(format('held.%I', pg_attribute.attname)), 'null::timestamptz')
    into expiry
    from pg_attribute
    where pg_attribute.attrelid = target and pg_attribute.attname = 'expires_at';
    return query execute format(
        'with picked as ('
        'select jsonb_build_array(%3$s) as key, held.created_at, '
        '%6$s as is_system, %7$s as expires_at, '
        'row_number() over (order by %2$s) as position, '
        '(select to_jsonb(parts) from (select %2$s) as parts) as row_key '
        'from %1$s as held where held.%4$I = $1 ' || case
            when after is not null then 'and (%2$s) > (%5$s) '
            else ''
        end || 'order by %2$s limit $3) '
        'select jsonb_agg(jsonb_build_array(picked.key, picked.created_at, '
        'picked.is_system, picked.expires_at, picked.row_key) '
        'order by picked.position), count(*), '
        '(array_agg(picked.row_key order by picked.position desc))[1] from picked',
        target,
        held_keys,
        pieces.listed,
        pieces.tenant_column,
        past_keys,
        system_flag,
        expiry
    ) using tenant_id, after, page_size;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.list_row_keys is
'Returns the next rows of the tenant in one table in the order of its primary key, after
this primary key: an array of the key as in read_rows, the time of creation, whether the
row belongs to the system, its expiry, and its primary key; how many; and the primary
key of the last one.';

revoke execute on function
authority.list_row_keys(uuid, text, text[], jsonb, bigint)
from public;
