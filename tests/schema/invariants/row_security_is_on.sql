-- A table without row-level security, or whose owner bypasses it. Tables that all
-- tenants share have it too, with policies that let everybody read.
select tables.oid::regclass::text as offender
from pg_catalog.pg_class as tables
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p')
    and not (tables.relrowsecurity and tables.relforcerowsecurity);
