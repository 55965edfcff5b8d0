-- Creates the functions that read rows back by the keys of another store. Only the
-- owner of the database, who may read all rows anyway, can execute them.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0067_find_rows');

create or replace function authority.name_references()
returns table (
    column_name name, array_name name, target name, key_column name
)
language sql
immutable parallel safe
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
values
    ('client_uuid', 'authorized_client_uuids', 'clients', 'client_id'),
    ('role_id', null, 'roles', 'name'),
    ('service_account_id', null, 'service_accounts', 'account_id'),
    ('user_id', null, 'users', 'subject_id')
$$;

comment on function authority.name_references is
'Returns the columns that refer to a row by its id, and the column with the name that
other stores know for that row.';

create or replace function authority.describe_keys(
    table_name text, key_columns text[]
)
returns table (
    written text, matched text, listed text, tenant_column name
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    if not exists (
        select from authority.list_moved_tables() as tables
        where
            tables.name = table_name
            and key_columns <@ tables.columns
    ) then
        raise invalid_parameter_value
        using message = 'the table or the columns of its key are not of this schema';
    end if;
    return query
    select
        coalesce(string_agg(
            case
                when named.column_name is null
                    then format(
                        '(keys.value ->> %s)::%s as %I',
                        columns.position - 1,
                        format_type(pg_attribute.atttypid, pg_attribute.atttypmod),
                        columns.name
                    )
                else format(
                    '(select target.id from authority.%I as target '
                    'where target.tenant_id = $1 and target.%I = keys.value ->> %s) '
                    'as %I',
                    named.target,
                    named.key_column,
                    columns.position - 1,
                    columns.name
                )
            end,
            ', ' order by columns.position
        ), 'null as key'),
        coalesce(string_agg(
            format('held.%1$I = wanted.%1$I', columns.name),
            ' and ' order by columns.position
        ), 'true'),
        coalesce(string_agg(
            case
                when named.column_name is not null
                    then format(
                        '(select target.%I from authority.%I as target '
                        'where target.tenant_id = $1 and target.id = held.%I)',
                        named.key_column,
                        named.target,
                        columns.name
                    )
                when pg_attribute.atttypid = 'timestamptz'::regtype
                    then format(
                        'to_char(held.%I, ''YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'')',
                        columns.name
                    )
                else format('held.%I::text', columns.name)
            end,
            ', ' order by columns.position
        ), ''),
        case when table_name = 'tenants' then 'id' else 'tenant_id' end::name
    from unnest(key_columns) with ordinality as columns (name, position)
    inner join pg_attribute on columns.name = pg_attribute.attname
    left join authority.name_references() as named
        on columns.name = named.column_name
    where pg_attribute.attrelid = format('authority.%I', table_name)::regclass;
end
$$;

comment on function authority.describe_keys is
'Returns the pieces of statements that compare a table with keys of another store: the
typed keys, the condition of a match, the texts of a row''s key, and the column of the
tenant. A table with one row for each tenant has no key columns.';

create or replace function authority.read_rows(
    tenant_id uuid, table_name text, key_columns text[], keys jsonb
)
returns table (number bigint, found jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'iso_8601'
set bytea_output = 'hex'
set extra_float_digits = 1
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    pieces record;
    named text;
begin
    perform set_config('authority.tenant_id', read_rows.tenant_id::text, true);
    select described.* into pieces
    from authority.describe_keys(table_name, key_columns) as described;
    select
        string_agg(
            case
                when pg_attribute.attname = refs.column_name
                    then format(
                        '%L, (select target.%I from authority.%I as target '
                        'where target.tenant_id = $1 and target.id = held.%I)',
                        pg_attribute.attname,
                        refs.key_column,
                        refs.target,
                        pg_attribute.attname
                    )
                else format(
                    '%L, (select jsonb_agg(target.%I order by ids.position) '
                    'from unnest(held.%I) with ordinality as ids (id, position) '
                    'inner join authority.%I as target on ids.id = target.id '
                    'where target.tenant_id = $1)',
                    pg_attribute.attname,
                    refs.key_column,
                    pg_attribute.attname,
                    refs.target
                )
            end,
            ', '
        )
    into named
    from authority.name_references() as refs
    inner join pg_attribute
        on pg_attribute.attname in (refs.column_name, refs.array_name)
    where pg_attribute.attrelid = format('authority.%I', table_name)::regclass;
    -- One look-up for each key, whatever the statistics of a table that was just
    -- filled say: the list of typed keys is materialized, because under row-level
    -- security only a plain value becomes a condition of the index, and OFFSET keeps
    -- the subquery.
    return query execute format(
        'with wanted as materialized ('
        'select keys.number, %2$s '
        'from jsonb_array_elements($2) with ordinality as keys (value, number)) '
        'select wanted.number, '
        'to_jsonb(held) - $3 || jsonb_build_object(%5$s) '
        'from wanted cross join lateral ('
        'select held.* from authority.%1$I as held '
        'where held.%4$I = $1 and %3$s offset 0) as held order by wanted.number',
        table_name,
        pieces.written,
        pieces.matched,
        pieces.tenant_column,
        named
    ) using
        tenant_id,
        keys,
        array(
            select pg_attribute.attname::text
            from pg_attribute
            where
                pg_attribute.attrelid = format('authority.%I', table_name)::regclass
                and pg_attribute.attgenerated <> ''
        );
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.read_rows is
'Returns the rows of the tenant with these keys, with every stored column and hash, and
the number of each key, from 1 on. A key is an array of texts in the order of
key_columns. Keys and rows have the names of users, clients, roles and service accounts
instead of their ids.';

revoke execute on function
authority.name_references(),
authority.describe_keys(text, text[]),
authority.read_rows(uuid, text, text[], jsonb)
from public;
