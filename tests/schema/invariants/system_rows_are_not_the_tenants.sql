-- A table with system rows that a tenant may create, change or delete: without a
-- restrictive policy for each of these commands.
select format('%s: %s', tables.relname, commands.command) as offender
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
cross join (values ('a'), ('w'), ('d')) as commands (command)
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p')
    and columns.attname = 'is_system'
    and not exists (
        select from pg_catalog.pg_policy as policies
        where
            policies.polrelid = tables.oid
            and not policies.polpermissive
            and policies.polroles = array['authority_app'::regrole::oid]
            and policies.polcmd = commands.command::"char"
            and '(NOT is_system)' in (
                pg_get_expr(policies.polqual, policies.polrelid),
                pg_get_expr(policies.polwithcheck, policies.polrelid)
            )
    );
