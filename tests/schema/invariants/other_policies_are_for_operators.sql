-- A policy beside the tenants' one that is not for operators or the owner alone. Each
-- permissive policy opens a table further: none may open one for a service or a report,
-- except to read what all tenants share.
select policies.polname as offender
from pg_catalog.pg_policy as policies
inner join pg_catalog.pg_class as tables on policies.polrelid = tables.oid
where
    tables.relnamespace = 'authority'::regnamespace
    and policies.polpermissive
    and policies.polname <> format(
        '%s_%s_policy',
        tables.relname,
        case tables.relname when 'tenants' then 'id' else 'tenant_id' end
    )
    and not (
        tables.relname in ('permissions', 'system_roles', 'system_scopes')
        and policies.polname = tables.relname || '_shared_policy'
        and policies.polcmd = 'r'
    )
    and not policies.polroles <@ array[
        'authority_maintenance'::regrole::oid,
        'pg_database_owner'::regrole::oid
    ];
