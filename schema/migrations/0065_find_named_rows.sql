-- Creates the function by which an import resolves names. Only the owner of the
-- database can execute it.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0065_find_named_rows');

create or replace function authority.find_named_rows(
    tenant_id uuid,
    users text[],
    clients text[],
    roles text[],
    service_accounts text[]
)
returns table (kind text, name text, id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set enable_seqscan = off
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
begin
    perform set_config('authority.tenant_id', find_named_rows.tenant_id::text, true);
    -- Each name is looked up by its key, because of the fences. A fresh table has no
    -- statistics, and a scan of the tenant would look cheap.
    return query
    select 'user', users.subject_id, users.id
    from unnest(find_named_rows.users) as wanted (name)
    cross join lateral (
        select users.subject_id, users.id
        from authority.users
        where
            users.tenant_id = find_named_rows.tenant_id
            and users.subject_id = wanted.name
        offset 0
    ) as users
    union all
    select 'client', clients.client_id, clients.id
    from unnest(find_named_rows.clients) as wanted (name)
    cross join lateral (
        select clients.client_id, clients.id
        from authority.clients
        where
            clients.tenant_id = find_named_rows.tenant_id
            and clients.client_id = wanted.name
        offset 0
    ) as clients
    union all
    select 'role', roles.name, roles.id
    from unnest(find_named_rows.roles) as wanted (name)
    cross join lateral (
        select roles.name, roles.id
        from authority.roles
        where
            roles.tenant_id = find_named_rows.tenant_id
            and roles.name = wanted.name
        offset 0
    ) as roles
    union all
    select 'service_account', service_accounts.account_id, service_accounts.id
    from unnest(find_named_rows.service_accounts) as wanted (name)
    cross join lateral (
        select service_accounts.account_id, service_accounts.id
        from authority.service_accounts
        where
            service_accounts.tenant_id = find_named_rows.tenant_id
            and service_accounts.account_id = wanted.name
        offset 0
    ) as service_accounts;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_named_rows is
'Returns the kind, the name and the id of each user with one of these subject_ids, each
client with one of these client_ids, each role of one of these names, and each service
account with one of these account_ids.';

revoke execute on function
authority.find_named_rows(uuid, text[], text[], text[], text[])
from public;
