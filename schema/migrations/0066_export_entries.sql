-- Creates the functions that export a tenant as entries, with natural keys instead of
-- ids of other rows. Only the owner of the database, who may read all rows anyway, can
-- execute them.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0066_export_entries');

create or replace function authority.list_entry_fields(table_name text)
returns table (field text, expression text)
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
with named (attribute, target, natural_key, shown) as (
    values
    ('user_id', 'users', 'subject_id', 'user'),
    ('client_uuid', 'clients', 'client_id', 'client'),
    ('role_id', 'roles', 'name', 'role'),
    ('service_account_id', 'service_accounts', 'account_id', 'service_account')
),

stored as (
    select
        pg_attribute.attname::text as name,
        pg_attribute.atttypid::regtype::text as type,
        pg_attribute.attnum as position
    from pg_attribute
    where
        pg_attribute.attrelid = format('authority.%I', table_name)::regclass
        and pg_attribute.attnum > 0
        and not pg_attribute.attisdropped
        and pg_attribute.attgenerated = ''
        -- The owner of the row, what its table computes, and how often it changed.
        and pg_attribute.attname not in ('tenant_id', 'username_key', 'row_version')
)

select
    coalesce(
        named.shown,
        case
            when stored.name = 'authorized_client_uuids' then 'authorized_clients'
            when stored.type = 'uuid' then regexp_replace(stored.name, '_id$', '')
            else stored.name
        end
    ),
    case
        when named.attribute is not null then format(
            '(select to_json(named.%I)::text from authority.%I as named '
            'where named.tenant_id = held.tenant_id and named.id = held.%I)',
            named.natural_key,
            named.target,
            stored.name
        )
        when stored.name = 'authorized_client_uuids' then format(
            '(select coalesce(json_agg(clients.client_id order by listed.position), '
            '''[]'')::text '
            'from unnest(held.%I) with ordinality as listed (id, position) '
            'inner join authority.clients on clients.tenant_id = held.tenant_id '
            'and clients.id = listed.id)',
            stored.name
        )
        when stored.type = 'jsonb' then format('held.%I::text', stored.name)
        when stored.type = 'bytea' then format(
            '''"'' || translate('
            'encode(held.%I, ''base64''), ''+/'' || chr(10), ''-_'') || ''"''',
            stored.name
        )
        when stored.type = 'bytea[]' then format(
            'case when held.%1$I is not null then ''['' || ('
            'select coalesce(string_agg(''"'' || translate('
            'encode(listed.octets, ''base64''), ''+/'' || chr(10), ''-_'') '
            '|| ''"'', '','' order by listed.position), '''') '
            'from unnest(held.%1$I) with ordinality as listed (octets, position)'
            ') || '']'' end',
            stored.name
        )
        when stored.type = 'interval' then format(
            '''"PT'' || extract(epoch from held.%I) || ''S"''', stored.name
        )
        else format('to_json(held.%I)::text', stored.name)
    end
from stored
left join named on stored.name = named.attribute and stored.type = 'uuid'
order by stored.position
$$;

comment on function authority.list_entry_fields is
'Returns the fields of the entries of a table, and the SQL that reads each as JSON from
the row held. A field is a column, or the natural key of the row that a column
references. Fields whose SQL returns null are left out of an entry.';

create or replace function authority.export_entries(
    tenant_id uuid, table_name text, kind text, after jsonb, page_size bigint
)
returns table (lines text, listed bigint, last_key jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set standard_conforming_strings = on
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    target constant regclass := format('authority.%I', table_name)::regclass;
    head text;
    members text;
    held_keys text;
    past_keys text;
begin
    perform set_config('authority.tenant_id', export_entries.tenant_id::text, true);
    select
        '{"tenant":' || to_json(tenants.code)::text
        || ',"kind":' || to_json(export_entries.kind)::text
        -- Other stores have neither our system roles nor our totals.
        || case table_name
            when 'tenants' then ',"is_complete":true'
            when 'license_usage' then ',"is_counted":true'
            else ''
        end
    into head
    from authority.tenants
    where tenants.id = export_entries.tenant_id;
    select
        string_agg(
            format('%L || %s', to_json(fields.field)::text || ':', fields.expression),
            ', '
        )
    into members
    from authority.list_entry_fields(table_name) as fields;
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
        'with picked as materialized ('
        'select concat_ws('','', $4, %3$s) || ''}'' as line, '
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
        members,
        case when table_name = 'tenants' then 'id' else 'tenant_id' end,
        past_keys
    ) using tenant_id, after, page_size, head;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.export_entries is
'Returns the next rows of the tenant in one table as entries of this kind, in the order
of its primary key, after this key: a line of JSON for each, how many, and the key of
the last one. It has hashes and encrypted keys. The same rows have the same lines in
every database.';

create or replace function authority.measure_rows(tenant_id uuid, table_name text)
returns table (counted bigint, expires_at timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    target constant regclass := format('authority.%I', table_name)::regclass;
begin
    perform set_config('authority.tenant_id', measure_rows.tenant_id::text, true);
    return query execute format(
        'select count(*), %s from %s as held where held.tenant_id = $1',
        case
            when exists (
                select from pg_attribute
                where
                    pg_attribute.attrelid = target
                    and pg_attribute.attname = 'expires_at'
            ) then 'max(held.expires_at)'
            else 'null::timestamptz'
        end,
        target
    ) using tenant_id;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.measure_rows is
'Returns how many rows the tenant has in a table, and when the last of them expires.
Null: no row has an end.';

revoke execute on function
authority.list_entry_fields(text),
authority.export_entries(uuid, text, text, jsonb, bigint),
authority.measure_rows(uuid, text)
from public;
