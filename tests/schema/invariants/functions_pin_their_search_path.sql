-- A function or procedure that could be made to call a foreign one: its search_path is
-- not pg_catalog followed by pg_temp. Without its name, pg_temp is searched first for
-- tables and types, and anybody can create those. A body in standard SQL was parsed
-- once, when the function was created.
select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and functions.prosqlbody is null
    and not coalesce(functions.proconfig, '{}')
    @> array['search_path=pg_catalog, pg_temp'];
