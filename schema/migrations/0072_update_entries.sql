-- Creates the function that updates rows from another store: for an import of what
-- changed there since the first import. Only the owner of the database can execute it.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0072_update_entries');

create or replace function authority.update_rows(
    tenant_id uuid,
    table_name text,
    columns text[],
    key text[],
    fixed text[],
    rows_json text
)
returns table (place bigint, is_updated boolean)
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
    has_version constant boolean := exists (
        select from pg_attribute
        where
            pg_attribute.attrelid = format('authority.%I', table_name)::regclass
            and pg_attribute.attname = 'row_version'
    );
    names text;
    types text;
    same text;
    stored text;
    cells text;
    sets text;
begin
    select
        string_agg(format('%I', given.name), ', ' order by given.name),
        string_agg(format('%I %s', given.name, given.type), ', ' order by given.name),
        string_agg(format(' and held.%1$I = given.%1$I', given.name), '')
        filter (where given.name = any(key)),
        string_agg(format('held.%I', given.name), ', ' order by given.name)
        filter (where given.is_value),
        string_agg(
            format(
                case
                    -- What has ended stays ended, and counters only grow.
                    when given.name in ('revoked_at', 'redeemed_at')
                        then 'coalesce(held.%1$I, given.%1$I)'
                    when given.name = 'revocation_reason'
                        then 'case when held.revoked_at is null then given.%1$I '
                        'else held.%1$I end'
                    when given.name = 'redemption_hash'
                        then 'case when held.redeemed_at is null then given.%1$I '
                        'else held.%1$I end'
                    when given.name in (
                        'last_sequence', 'last_used_at', 'last_used_step',
                        'sign_count', 'tokens_expire_at', 'tokens_valid_after'
                    ) then 'greatest(held.%1$I, given.%1$I)'
                    when given.is_required then 'coalesce(given.%1$I, held.%1$I)'
                    else 'given.%1$I'
                end,
                given.name
            ),
            ', ' order by given.name
        ) filter (where given.is_value),
        string_agg(format('%1$I = differing.%1$I', given.name), ', ')
        filter (where given.is_value)
    into names, types, same, stored, cells, sets
    from (
        select
            pg_attribute.attname as name,
            format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as type,
            pg_attribute.attnotnull as is_required,
            pg_attribute.attname <> all(
                key || fixed || '{id,created_at,updated_at}'::text[]
            ) as is_value
        from pg_attribute
        where
            pg_attribute.attrelid = format('authority.%I', table_name)::regclass
            and pg_attribute.attname = any(columns)
    ) as given;
    if sets is null then
        return;
    end if;
    perform set_config('authority.tenant_id', update_rows.tenant_id::text, true);
    return query execute format(
        'with differing as materialized ('
        'select given.place, %9$s as may_change, held.ctid as row, '
        '%10$s as updated_at, changed.* '
        'from rows from (json_to_recordset($2::json) as (%2$s)) '
        'with ordinality as given (%1$s, place) '
        'inner join authority.%3$I as held on held.tenant_id = $1%4$s '
        'cross join lateral (select %6$s) as changed (%7$s) '
        'where (%5$s) is distinct from (%6$s) '
        'for no key update of held'
        '), updated as ('
        'update authority.%3$I as held set %8$s%11$s from differing '
        'where held.ctid = differing.row and differing.may_change '
        'returning differing.place) '
        'select differing.place, differing.may_change from differing',
        names,
        types,
        table_name,
        coalesce(same, '')
        -- Our own roles and scopes are not those of the other store.
        || case
            when 'is_system' = any(columns) then ' and not held.is_system'
            else ''
        end,
        stored,
        cells,
        replace(stored, 'held.', ''),
        sets,
        case
            when 'updated_at' = any(columns)
                then '(held.updated_at <= given.updated_at) is not false'
            when table_name = 'recovery_codes'
                then '(held.last_used_at is null '
                'or held.last_used_at <= given.last_used_at) is true'
            else 'true'
        end,
        case
            when 'updated_at' = any(columns)
                then 'coalesce(least(given.updated_at, authority.clock()), '
                'authority.clock())'
            else 'authority.clock()'
        end,
        case
            when 'updated_at' = any(columns)
                then ', updated_at = differing.updated_at'
            else ''
        end
        || case
            when has_version then ', row_version = held.row_version + 1' else ''
        end
    ) using tenant_id, rows_json;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.update_rows is
'Updates rows of the tenant that are stored and differ from the given ones. Returns the
places of these, from 1, and whether each was updated: not if it changed here later.
Tokens, families, consents and sessions that have ended are not revived. Rows with other
values in the fixed columns must have been refused before.';

revoke execute on function
authority.update_rows(uuid, text, text[], text[], text[], text)
from public;
