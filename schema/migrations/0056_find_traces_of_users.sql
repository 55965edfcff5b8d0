-- Creates the list of the names of a user, and the search for them.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0056_find_traces_of_users');

create or replace function authority.names_of_user(
    tenant_id uuid, user_id uuid, other_names text[]
)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
select coalesce(array_agg(distinct named.name), '{}')
from (
    select users.subject_id as name
    from authority.users
    where
        users.tenant_id = names_of_user.tenant_id
        and users.id = names_of_user.user_id
    union all
    select unnest(
        array[users.username, users.username_key, users.email]
        || lower(users.email collate "C")
    )
    from authority.users
    where
        users.tenant_id = names_of_user.tenant_id
        and users.id = names_of_user.user_id
    union all
    select unnest(other_names || user_id::text)
) as named
where
    named.name <> ''
    -- An address, a former name or the sub can be the name of somebody else.
    and not exists (
        select from authority.users as others
        where
            others.tenant_id = names_of_user.tenant_id
            and others.id <> names_of_user.user_id
            and others.username_key = named.name
    )
$$;

comment on function authority.names_of_user is
'Returns what other rows may call the user: the id, the sub, the username, its key, the
e-mail address, and other_names. Omits the usernames of other users.';

create or replace function authority.subs_of_user(
    tenant_id uuid, user_id uuid, names text[]
)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
select coalesce(array_agg(distinct called.sub), '{}')
from (
    select users.subject_id as sub
    from authority.users
    where
        users.tenant_id = subs_of_user.tenant_id
        and users.id = subs_of_user.user_id
    union all
    select named.sub
    from unnest(names) as named (sub)
    where not exists (
        select from authority.users as others
        where
            others.tenant_id = subs_of_user.tenant_id
            and others.id <> subs_of_user.user_id
            and others.subject_id = named.sub
    )
) as called
$$;

comment on function authority.subs_of_user is
'Returns what the feed, actors, seats and assignments of roles may call the user: the
sub, and the names that are not the sub of another user.';

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

create or replace function authority.find_user(tenant_id uuid, username_key text)
returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    found_id uuid;
begin
    perform set_config('authority.tenant_id', find_user.tenant_id::text, true);
    select users.id into found_id
    from authority.users
    where
        users.tenant_id = find_user.tenant_id
        and users.username_key = find_user.username_key;
    perform set_config('authority.tenant_id', tenant_before, true);
    return found_id;
end
$$;

comment on function authority.find_user is
'Returns the id of the user whose username has this key, or null. Runs as its owner,
because operators, who erase a user, read no users. It reveals nothing but the id.';

revoke execute on function
authority.names_of_user(uuid, uuid, text[]),
authority.subs_of_user(uuid, uuid, text[]),
authority.find_traces(uuid, uuid, text[]),
authority.find_user(uuid, text)
from public;
grant execute on function
authority.names_of_user(uuid, uuid, text[]),
authority.subs_of_user(uuid, uuid, text[]),
authority.find_user(uuid, text)
to authority_reader;
grant execute on function authority.find_user(uuid, text) to authority_maintenance;
