-- Creates the functions that load a dumped tenant. Only the owner of the database, who
-- may change all rows anyway, can execute them.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0061_load_tenants');

create or replace function authority.load_rows(
    tenant_id uuid, table_name text, columns text[], lines text
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set intervalstyle = 'postgres'
set standard_conforming_strings = on
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    loaded_before constant text := current_setting('authority.loaded_tenant', true);
    names text;
    cells text;
    loaded bigint;
begin
    if not exists (
        select from authority.list_moved_tables() as tables
        where tables.name = table_name and tables.columns = load_rows.columns
    ) then
        raise invalid_parameter_value
        using message = 'the table or its columns are not those of this schema';
    end if;
    select
        string_agg(format('%I', attributes.attname), ', ' order by moved.position),
        string_agg(
            format(
                '(rows.cells ->> %s)::%s',
                moved.position - 1,
                format_type(attributes.atttypid, attributes.atttypmod)
            ),
            ', ' order by moved.position
        )
    into names, cells
    from unnest(columns) with ordinality as moved (name, position)
    inner join pg_attribute as attributes on moved.name = attributes.attname
    where attributes.attrelid = format('authority.%I', table_name)::regclass;
    perform set_config('authority.tenant_id', load_rows.tenant_id::text, true);
    perform set_config('authority.loaded_tenant', load_rows.tenant_id::text, true);
    execute format(
        'with rows as materialized ('
        'select line::jsonb as cells '
        'from string_to_table(rtrim($1, chr(10)), chr(10)) as line) '
        'insert into authority.%1$I (%2$s) select %3$s from rows',
        table_name,
        names,
        cells
    ) using lines;
    get diagnostics loaded = row_count;
    perform set_config('authority.tenant_id', tenant_before, true);
    perform set_config('authority.loaded_tenant', loaded_before, true);
    return loaded;
end
$$;

comment on function authority.load_rows is
'Inserts rows of the tenant that dump_rows wrote, unchanged, and returns how many. Every
constraint and policy applies to them. Their insertion is no event of the audit.';

create or replace function authority.advance_feed(tenant_id uuid, entries bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    advanced bigint;
begin
    if entries is null or entries < 1 then
        raise invalid_parameter_value using message = 'entries must be 1 or more';
    end if;
    perform set_config('authority.tenant_id', advance_feed.tenant_id::text, true);
    insert into authority.revocation_sequences (tenant_id, last_sequence)
    values (advance_feed.tenant_id, entries)
    on conflict on constraint revocation_sequences_tenant_id_pk do update
        set
            last_sequence = revocation_sequences.last_sequence + excluded.last_sequence,
            updated_at = excluded.updated_at
    returning revocation_sequences.last_sequence into advanced;
    perform set_config('authority.tenant_id', tenant_before, true);
    return advanced;
end
$$;

comment on function authority.advance_feed(uuid, bigint) is
'Skips this many numbers of the tenant''s feed and returns the newest number, so that no
number is used again that followers read before the tenant was restored to an earlier
moment.';

revoke execute on function
authority.load_rows(uuid, text, text[], text),
authority.advance_feed(uuid, bigint)
from public;
