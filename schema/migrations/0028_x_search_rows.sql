-- Creates the search for what rows say about a user.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role pg_database_owner;

create or replace function authority.find_traces(
    tenant_id uuid, user_id uuid, names text[]
)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    searched record;
    found_here jsonb;
    traces jsonb := '{}';
    -- Only a row whose text has a name is converted to JSON, which takes most of the
    -- time. That text writes a quote or a backslash in other ways.
    is_plain constant boolean := not exists (
        select from unnest(names) as name
        where strpos(name, '"') > 0 or strpos(name, chr(92)) > 0
    );
    -- As the names are written in JSON. Only an address or a long name is also found
    -- inside a longer text.
    needles constant text[] := array(
        select case
            when char_length(needle) >= 16 or strpos(needle, '@') > 0
                then substring(to_jsonb(needle)::text from '^"(.*)"$')
            else to_jsonb(needle)::text
        end
        from unnest(names) as needle
    );
begin
    for searched in
        select
            tables_of_tenants.name,
            tables_of_tenants.target
        from authority.tables_of_tenants()
    loop
        execute format(
            'select jsonb_object_agg(found.place, found.times) '
            'from ('
            'select %2$L || values.key as place, count(*) as times '
            'from %1$s as held, jsonb_each(to_jsonb(held)) as values '
            'where held.tenant_id = $1 and not (%3$s) and (not $4 or exists ('
            'select from unnest($5) as name where strpos(held::text, name) > 0)) '
            'and exists (select from unnest($3) as needle '
            'where strpos(values.value::text, needle) > 0) '
            'group by values.key) as found',
            searched.target,
            searched.name || '.',
            case searched.name
                when 'users' then 'held.id = $2'
                when 'revocations' then 'held.reason = ''user_erased'''
                else 'false'
            end
        ) into found_here using tenant_id, user_id, needles, is_plain, names;
        traces := traces || coalesce(found_here, '{}');
    end loop;
    return traces;
end
$$;

comment on function authority.find_traces is
'Searches all columns of all rows of the tenant for the names of a user, except the
user''s own row and the entry of the feed that ends the user''s tokens. Returns an
object of table.column to the number of rows.';

revoke execute on function authority.find_traces(uuid, uuid, text[]) from public;
