-- Creates the function that verifies many tokens of a tenant at once.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0064_verify_many_tokens');

create or replace function authority.find_live_tokens(
    tenant_id uuid, token_hashes bytea[], type text, resource text
)
returns setof authority.verified_tokens
language plpgsql
rows 100
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now constant text
        := set_config('authority.tenant_id', tenant_id::text, true);
    tenant_after text;
begin
    return query
    select verified_tokens.*
    from authority.verified_tokens
    where
        verified_tokens.tenant_id = find_live_tokens.tenant_id
        and verified_tokens.token_hash = any(find_live_tokens.token_hashes)
        and verified_tokens.type = find_live_tokens.type
        and (
            find_live_tokens.resource is null
            or find_live_tokens.resource = any(verified_tokens.resources)
        );
    -- An assignment, because PERFORM would run a query.
    tenant_after := set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_live_tokens(uuid, bytea[], text, text) is
'As authority.find_live_token, for many tokens of one tenant: returns those that are
alive. A caller that knows tokens of several tenants calls it once for each tenant.';

revoke execute on function authority.find_live_tokens(uuid, bytea[], text, text)
from public;
grant execute on function authority.find_live_tokens(uuid, bytea[], text, text)
to authority_app;
