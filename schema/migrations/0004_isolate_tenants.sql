-- Creates the clock, and the procedures that enable row-level security on a table.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0004_isolate_tenants');

create or replace function authority.clock()
returns timestamptz
language sql
stable parallel safe
return statement_timestamp();

comment on function authority.clock is
'The time of the store: when the current statement began. Every row is stamped with it
and compared to it. PostgreSQL inlines it. Only tests replace it.';

create or replace procedure authority.isolate_tenants(
    target regclass, tenant_column name default 'tenant_id'
)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    policy constant name := format(
        '%s_%s_policy',
        (select relname from pg_class where oid = target),
        tenant_column
    );
    -- A uuid in lower case, or null. LIKE finds the length and four dashes. The regular
    -- expression finds any other character and a fifth dash; it is short because
    -- PostgreSQL builds its automaton at each evaluation. A function would cost as much
    -- as a small query.
    session_tenant constant text := $policy$(
        case
            when current_setting('authority.tenant_id', true)
                like '________-____-____-____-____________'
            and current_setting('authority.tenant_id', true)
                !~ '[^0-9a-f-]|-.*-.*-.*-.*-'
                then current_setting('authority.tenant_id', true)
        end
    )::uuid$policy$;
begin
    execute format(
        'alter table %s enable row level security, force row level security', target
    );
    if not exists (
        select from pg_policy where polrelid = target and polname = policy
    ) then
        execute format(
            'create policy %1$I on %2$s using (%3$I = %4$s) with check (%3$I = %4$s)',
            policy, target, tenant_column, session_tenant
        );
    end if;
end
$$;

comment on procedure authority.isolate_tenants is
'Enables and forces row-level security on a table and creates its tenant policy. A row
can be read and written only if its tenant is the one in the setting
authority.tenant_id. If the setting is missing, empty or malformed, no row matches.';

create or replace procedure authority.let_operators_prune(target regclass)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    subject constant name := (select relname from pg_class where oid = target);
    seen constant name := subject || '_maintenance_policy';
    locked constant name := subject || '_lock_policy';
begin
    execute format('drop policy if exists %I on %s', seen, target);
    execute format(
        'create policy %I on %s to authority_maintenance using (true)', seen, target
    );
    execute format('drop policy if exists %I on %s', locked, target);
    execute format(
        'create policy %I on %s as restrictive for update to authority_maintenance '
        'using (true) with check (false)',
        locked, target
    );
end
$$;

comment on procedure authority.let_operators_prune is
'Lets operators read and delete the rows of all tenants in a table. Locking a row
requires the privilege to update a column; the second policy allows the lock and refuses
the update.';

revoke execute on function authority.clock() from public;
revoke execute on procedure
authority.isolate_tenants(regclass, name), authority.let_operators_prune(regclass)
from public;
grant execute on function authority.clock()
to authority_app, authority_maintenance, authority_reader;
