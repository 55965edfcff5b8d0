-- A policy with a subquery. A sharded PostgreSQL refuses it, and each table of a join
-- evaluates its own. (The rule auth_rls_initplan of Supabase's linter demands one.)
select policies.polname as offender
from pg_catalog.pg_policy as policies
inner join pg_catalog.pg_class as tables on policies.polrelid = tables.oid
where
    tables.relnamespace = 'authority'::regnamespace
    and concat(
        pg_get_expr(policies.polqual, policies.polrelid),
        ' ',
        pg_get_expr(policies.polwithcheck, policies.polrelid)
    ) ~ '\mSELECT\M';
